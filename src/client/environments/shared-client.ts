/** One client for many users, connected when the first of them needs it, and anew once it is over for good. */
import { unlessAborted } from '../session/abort.ts'
import type { ExecClient } from '../base/types.ts'

export type EnvironmentStatus = 'idle' | 'connecting' | 'connected' | 'failed'

export type SharedClient = {
  get(signal?: AbortSignal): Promise<ExecClient>
  readonly status: EnvironmentStatus
  /** Why the last attempt failed, or the last client came to its end; gone with the next success. */
  readonly lastError: Error | undefined
  /** Closes the client and lets nobody have another one: all get `reason`. Settles when nothing is left, of attempts neither. */
  end(reason: Error): Promise<void>
}

type Attempt = { opened: Promise<ExecClient>; giveUp: AbortController; users: number }

/** `open` rejects with Errors, and leaves nothing behind when its signal is aborted. */
export function shareClient(open: (signal: AbortSignal) => Promise<ExecClient>): SharedClient {
  const opening = new Set<Promise<ExecClient>>()
  let client: ExecClient | undefined
  let attempt: Attempt | undefined
  let lastError: Error | undefined
  let ended: Error | undefined

  function begin(): Attempt {
    const giveUp = new AbortController()
    const opened = openOne(giveUp.signal)
    const begun = { opened, giveUp, users: 0 }
    opening.add(opened)
    const settle = (): void => {
      opening.delete(opened)
      if (attempt === begun) attempt = undefined
    }
    // Of one that was given up nobody may be left to hear of its failure.
    opened.then(settle, settle)
    return begun
  }

  async function openOne(signal: AbortSignal): Promise<ExecClient> {
    let fresh: ExecClient
    try {
      fresh = await open(signal)
    } catch (error) {
      signal.throwIfAborted()
      lastError = error as Error
      throw error
    }
    if (signal.aborted) {
      await fresh.close()
      throw signal.reason
    }
    client = fresh
    lastError = undefined
    void fresh.closed.then((reason) => (lastError = reason))
    return fresh
  }

  const live = (): ExecClient | undefined => (client?.state === 'closed' ? undefined : client)

  return {
    get: async (signal) => {
      signal?.throwIfAborted()
      if (ended !== undefined) throw ended
      const connected = live()
      if (connected !== undefined) return connected
      const mine = (attempt ??= begin())
      mine.users++
      try {
        return await unlessAborted(mine.opened, signal)
      } finally {
        mine.users--
        if (mine.users === 0 && attempt === mine) {
          // Who comes now begins anew, instead of sharing the end of this one.
          attempt = undefined
          mine.giveUp.abort(new Error('nobody waits for the connection any more'))
        }
      }
    },
    get status() {
      if (attempt !== undefined) return 'connecting'
      if (live() !== undefined) return 'connected'
      return lastError === undefined ? 'idle' : 'failed'
    },
    get lastError() {
      return lastError
    },
    end: async (reason) => {
      ended ??= reason
      attempt?.giveUp.abort(ended)
      await Promise.allSettled(opening)
      await client?.close()
    },
  }
}

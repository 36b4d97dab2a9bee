/** Shares one client between many users: connects on first use, and again after its session has ended. */
import { unlessAborted } from '../session/abort.ts'
import type { ExecClient } from '../base/types.ts'

/**
 * The state of an environment. `idle`: not connected yet, or its client was closed. `failed`: the last attempt failed,
 * or the last session ended with an error; the next use connects again.
 */
export type EnvironmentStatus = 'idle' | 'connecting' | 'connected' | 'failed'

/** A lazily opened client. */
export type SharedClient = {
  get(signal?: AbortSignal): Promise<ExecClient>
  readonly status: EnvironmentStatus
  /** Why the last attempt failed or the last session ended. Cleared by the next success. */
  readonly lastError: Error | undefined
  /**
   * Closes the client; later `get` calls reject with `reason`. Resolves when the client and all attempts have ended.
   */
  end(reason: Error): Promise<void>
}

type Attempt = { opened: Promise<ExecClient>; giveUp: AbortController; users: number }

/** Creates a shared client. `open` must reject with Errors, and leave nothing behind when its signal is aborted. */
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
    // Also avoids an unhandled rejection when an attempt was cancelled.
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
          // The next caller starts a new attempt instead of joining the cancelled one.
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

/** A devbox that is connected to again whenever the connection is lost, for as long as the command runs. */
import { setTimeout } from 'node:timers/promises'
import type { ExecClient } from '../../../client/base/types.ts'
import { messageOf } from '../../../client/base/errors.ts'
import { createBackoff } from '../../../base/backoff.ts'
import { DEVBOX_RETRY_MAX_MS, DEVBOX_RETRY_MIN_MS } from '../base/limits.ts'
import { printStderr } from '../io/stderr.ts'
import type { Devbox } from '../target.ts'
import { watchConnection } from '../watch-connection.ts'

/** A held devbox. */
export type HeldDevbox = {
  /** The client, once there is one. Rejects with the signal's reason. */
  client(signal: AbortSignal): Promise<ExecClient>
  /** Connects no more, and closes the connection. */
  close(): Promise<void>
}

/**
 * Connects, and connects again when a session could not be resumed.
 * @throws what `open` throws the first time
 */
export async function holdDevbox(open: () => Promise<Devbox>): Promise<HeldDevbox> {
  const ending = new AbortController()
  let current = await open()
  let next: Promise<ExecClient> = Promise.resolve(current.client)

  function watch(devbox: Devbox): void {
    const stop = watchConnection(devbox.client)
    void devbox.client.closed.then((error) => {
      stop()
      if (ending.signal.aborted) return
      printStderr(`${messageOf(error ?? new Error('the connection was closed'))}; connecting again`)
      next = reopen(devbox)
      // It only fails when the command ends.
      next.catch(() => {})
    })
  }

  async function reopen(lost: Devbox): Promise<ExecClient> {
    await lost.close().catch(() => {})
    const backoff = createBackoff({ retryMinMs: DEVBOX_RETRY_MIN_MS, retryMaxMs: DEVBOX_RETRY_MAX_MS })
    let said: string | undefined
    for (;;) {
      try {
        current = await open()
        break
      } catch (error) {
        ending.signal.throwIfAborted()
        const message = messageOf(error)
        if (message !== said) printStderr(message)
        said = message
        await setTimeout(backoff.failed(), undefined, { signal: ending.signal })
      }
    }
    if (ending.signal.aborted) await current.close().catch(() => {})
    ending.signal.throwIfAborted()
    printStderr('reconnected')
    watch(current)
    return current.client
  }

  watch(current)
  return {
    client: (signal) => untilAborted(next, signal),
    close: async () => {
      ending.abort(new Error('the command ends'))
      await current.close().catch(() => {})
    },
  }
}

function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    void result.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Ends a command after a time, as timeout(1) does. */
import { once } from 'node:events'
import type { ExecClient, RemoteProcess } from '../../../client/base/types.ts'
import { KILL_MARGIN_MS, TIMEOUT_GRACE_MS } from '../base/limits.ts'

/** The exit code of timeout(1). */
const TIMED_OUT = 124

/**
 * Terminates the command after a time. When it has ended, or the devbox does not answer, calls `endWith` with the exit
 * code. Returns a function that cancels it.
 */
export function endAfter(
  ms: number,
  { extensions }: Pick<ExecClient, 'extensions'>,
  handle: Pick<RemoteProcess, 'terminate' | 'wait'>,
  endWith: (exitCode: number) => void,
): () => void {
  const timer = setTimeout(async () => {
    const signal = AbortSignal.timeout(TIMEOUT_GRACE_MS + KILL_MARGIN_MS)
    const ended = handle
      .terminate(extensions.has('graceMs') ? { graceMs: TIMEOUT_GRACE_MS } : {})
      .then(() => handle.wait({ signal }))
    await Promise.race([ended, once(signal, 'abort')]).catch(() => {})
    endWith(TIMED_OUT)
  }, ms)
  return () => clearTimeout(timer)
}

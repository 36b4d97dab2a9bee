/** Reports a lost and a restored connection on stderr. */
import type { ExecClient } from '../../client/base/types.ts'
import { printStderr } from './io/stderr.ts'

/** Poll interval: faster than people read messages. */
const POLL_MS = 100

/** Starts watching. Returns a function that stops it. */
export function watchConnection(client: ExecClient): () => void {
  let known = client.state
  const timer = setInterval(() => {
    const { state } = client
    if (state === known) return
    if (state === 'recovering') printStderr('connection lost, reconnecting…')
    if (state === 'connected') printStderr('reconnected')
    known = state
  }, POLL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

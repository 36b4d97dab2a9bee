/** What a person is told of a connection that is lost and comes back. */
import type { ExecClient } from '../../client/base/types.ts'
import { say } from './io/stderr.ts'

/** Nobody reads faster. */
const LOOK_MS = 100

/** Until the returned function is called. */
export function watchConnection(client: ExecClient): () => void {
  let known = client.state
  const timer = setInterval(() => {
    const { state } = client
    if (state === known) return
    if (state === 'recovering') say('connection lost, reconnecting…')
    if (state === 'connected') say('reconnected')
    known = state
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}

/** Reports a lost and a restored connection. */
import type { ExecClient } from '../../client/base/types.ts'
import { printStderr } from './io/stderr.ts'

/** Poll interval: faster than people read messages. */
const POLL_MS = 100

type Options = {
  /** Default: to stderr. */
  say?: (message: string) => void
  /** How long a connection must have been lost: a screen that a program draws is not disturbed for a moment. Default: 0. */
  afterMs?: number
}

/** Starts watching. Returns a function that stops it. */
export function watchConnection(
  client: Pick<ExecClient, 'state'>,
  { say = printStderr, afterMs = 0 }: Options = {},
): () => void {
  let polls = 0
  let isSaid = false
  const timer = setInterval(() => {
    if (client.state === 'recovering') {
      if (polls++ * POLL_MS < afterMs || isSaid) return
      isSaid = true
      return say('connection lost, reconnecting…')
    }
    if (isSaid && client.state === 'connected') say('reconnected')
    polls = 0
    isSaid = false
  }, POLL_MS)
  timer.unref()
  return () => clearInterval(timer)
}

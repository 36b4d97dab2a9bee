/** Ends this process by a signal, as a local command would have ended: shell loops stop only then. */
import process from 'node:process'
import { setBlocking } from '../../../host/node-internals.ts'

/** Ends this process with the signal's default action, even during a blocked write, where a normal exit would wait. */
export function exitBySignal(signal: NodeJS.Signals): void {
  // Make stdin blocking again: O_NONBLOCK is shared with the pipe's next reader. A normal exit restores it by itself.
  setBlocking(process.stdin, true)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

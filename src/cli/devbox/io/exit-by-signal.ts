/** Ends this process by a signal, as a local command would have ended: shell loops stop only then. */
import process from 'node:process'

/** Ends this process with the signal's default action, even during a blocked write, where a normal exit would wait. */
export function exitBySignal(signal: NodeJS.Signals): void {
  // Make stdin blocking again: O_NONBLOCK is shared with the pipe's next reader. A normal exit restores it by itself.
  const { _handle: handle } = process.stdin as { _handle?: { setBlocking?: (isBlocking: boolean) => void } | null }
  handle?.setBlocking?.(true)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

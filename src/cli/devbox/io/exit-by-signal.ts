/** The end of this process by a signal, as a command that runs here would have ended: loops of a shell look at that. */
import process from 'node:process'

/** Also while a write waits for its reader, which a normal end would wait for, too. */
export function dieOf(signal: NodeJS.Signals): void {
  // Left as it is, our end of a pipe would not wait for whoever reads from it next; a normal end takes care of that by itself.
  const { _handle: handle } = process.stdin as { _handle?: { setBlocking?: (isBlocking: boolean) => void } | null }
  handle?.setBlocking?.(true)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

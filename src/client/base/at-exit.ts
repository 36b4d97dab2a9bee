/** What must not outlive this program, however many there are of it: one listener for all. */
import process from 'node:process'

const calls = new Set<() => void>()

function end(): void {
  for (const call of [...calls]) call()
}

/** Calls when the program ends by itself, by process.exit, or by an uncaught exception; returns what ends that. */
export function atExit(call: () => void): () => void {
  if (calls.size === 0) process.on('exit', end)
  calls.add(call)
  return () => {
    calls.delete(call)
    if (calls.size === 0) process.off('exit', end)
  }
}

/** Cleanup at exit. One listener serves all callbacks. */
import process from 'node:process'

const calls = new Set<() => void>()

function end(): void {
  for (const call of [...calls]) call()
}

/** Runs `call` at normal exit, process.exit or an uncaught exception. Returns a function that unregisters it. */
export function atExit(call: () => void): () => void {
  if (calls.size === 0) process.on('exit', end)
  calls.add(call)
  return () => {
    calls.delete(call)
    if (calls.size === 0) process.off('exit', end)
  }
}

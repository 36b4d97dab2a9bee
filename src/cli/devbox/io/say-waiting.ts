/** Says on stderr what is waited for, once that takes a while. Only on a terminal: a script has no use for it. */
import { isatty } from 'node:tty'
import { WAITING_MS } from '../base/limits.ts'
import { printStderr } from './stderr.ts'

/** Starts the wait. Returns a function that ends it. */
export function sayWaiting(what: string): () => void {
  if (!isatty(2)) return () => {}
  const timer = setTimeout(() => printStderr(`waiting for ${what}…`), WAITING_MS)
  timer.unref()
  return () => clearTimeout(timer)
}

/** Settles as the promise does, and says what is waited for meanwhile. */
export async function waitingFor<T>(what: string, result: Promise<T>): Promise<T> {
  const end = sayWaiting(what)
  try {
    return await result
  } finally {
    end()
  }
}

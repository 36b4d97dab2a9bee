/** A word on stderr, which is the command's as well: short, and marked as ours. */
import { writeSync } from 'node:fs'

export function say(message: string): void {
  sayRaw(`exec-server: ${message}\n`)
}

/** Nobody may be there to read it; that is no reason to fail. */
export function sayRaw(text: string): void {
  try {
    writeSync(2, text)
  } catch {}
}

/** Messages on stderr, prefixed because the remote command writes there as well. */
import { writeSync } from 'node:fs'

/** Writes one line with the prefix `exec-server: `. */
export function say(message: string): void {
  sayRaw(`exec-server: ${message}\n`)
}

/** Writes text as it is. Ignores errors: stderr may have no reader. */
export function sayRaw(text: string): void {
  try {
    writeSync(2, text)
  } catch {}
}

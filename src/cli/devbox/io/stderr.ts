/** Messages on stderr, prefixed because the remote command writes there as well. */
import { writeSync } from 'node:fs'
import { escapeControlChars } from '../../../base/control-chars.ts'

/** Writes one line with the prefix `exec-server: `. The message may be the devbox's. */
export function printStderr(message: string): void {
  writeStderr(`exec-server: ${escapeControlChars(message)}\n`)
}

/** The same where the cursor may stand anywhere, and a line feed does not return it: on a terminal in raw mode. */
export function printRawStderr(message: string): void {
  writeStderr(`\r\nexec-server: ${message.split('\n').map(escapeControlChars).join('\r\n')}\r\n`)
}

/** Writes text as it is. Ignores errors: stderr may have no reader. */
export function writeStderr(text: string): void {
  try {
    writeSync(2, text)
  } catch {}
}

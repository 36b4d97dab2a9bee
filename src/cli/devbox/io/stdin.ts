/** Forwards our stdin, be it a terminal, pipe or file, to a remote process. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import process from 'node:process'
import { isatty } from 'node:tty'
import { NEWLINE } from '../../../base/line-reader.ts'
import { messageOf, UnsupportedError } from '../../../client/base/errors.ts'
import type { RemoteProcess } from '../../../client/base/types.ts'
import { KEYS_ROOM, STDIN_END_MS, STDIN_END_WARNING_MS } from '../base/limits.ts'
import { printStderr } from './stderr.ts'

export type FeedOptions = {
  process: RemoteProcess
  isTerminal: boolean
  /** Receives each chunk first, and returns the bytes to forward. */
  filter?: ((bytes: Uint8Array) => Uint8Array) | undefined
  /** Whether the end of our stdin closes that of the process. */
  passesEnd?: boolean
}

/** Resolves when our stdin ends, or the process no longer accepts input. Never rejects: the output reports failures. */
export async function feedStdin({ process: remote, isTerminal, filter, passesEnd = true }: FeedOptions): Promise<void> {
  const writer = remote.stdin.getWriter()
  // Writes report its errors.
  writer.closed.catch(() => {})
  const input = filter === undefined ? writer : keyQueue(writer)
  let last: number | undefined
  try {
    for await (const bytes of inputPieces()) {
      const piece = filter === undefined ? bytes : filter(bytes)
      if (piece.length === 0) continue
      last = piece.at(-1)
      await input.write(piece)
    }
  } catch {
    return closeOwnStdin()
  }
  if (!passesEnd) return
  try {
    // In the middle of a line, the first end-of-file character only flushes that line; the second is the end.
    if (isTerminal && last !== undefined && last !== NEWLINE) await remote.closeStdin()
    await writer.close()
  } catch (error) {
    if (error instanceof UnsupportedError && last !== undefined) setTimeout(warnOfEnd, STDIN_END_WARNING_MS).unref()
  }
}

/** Takes keys without waiting for the devbox, up to a bound: the next one may be for us. */
function keyQueue(writer: WritableStreamDefaultWriter<Uint8Array>): { write(piece: Uint8Array): Promise<void> } {
  let queued = 0
  let failure: unknown
  return {
    async write(piece) {
      if (failure !== undefined) throw failure
      queued += piece.length
      const written = writer.write(piece).then(
        () => void (queued -= piece.length),
        (error: unknown) => void (failure ??= error),
      )
      if (queued > KEYS_ROOM) await written
    },
  }
}

function warnOfEnd(): void {
  printStderr('stdin has ended, which this server cannot tell the command: it may wait for more')
}

async function* inputPieces(): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const bytes of process.stdin) yield bytes as Uint8Array
  } catch (error) {
    // A terminal that is gone is no news; report anything else, such as a directory.
    if (!isatty(0)) printStderr(`cannot read stdin: ${messageOf(error)}`)
  }
}

/** Closes our stdin, so that its writer gets EPIPE as if the command ran here and had closed it. */
function closeOwnStdin(): void {
  process.stdin.destroy()
  const kind = fstatSync(0)
  if (!kind.isFIFO() && !kind.isSocket()) return
  closeSync(0)
  // Occupies descriptor 0, so that no other file gets it.
  openSync('/dev/null', 'r')
}

/** Whether stdin ends without any data, within STDIN_END_MS. For servers that can close stdin only at the start. */
export async function isStdinEmpty(): Promise<boolean> {
  if (isatty(0)) return false
  const { stdin } = process
  const settled = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => settled.resolve(false), STDIN_END_MS)
  const look = (): void => settled.resolve(stdin.readableLength === 0)
  const end = (): void => settled.resolve(true)
  stdin.once('readable', look).once('end', end).once('error', end)
  const isEmpty = await settled.promise
  clearTimeout(timer)
  stdin.off('readable', look).off('end', end)
  if (isEmpty) stdin.resume()
  return isEmpty
}

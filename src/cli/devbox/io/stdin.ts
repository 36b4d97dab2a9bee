/** Our stdin, of whatever kind it is, to a process. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import process from 'node:process'
import { isatty } from 'node:tty'
import { messageOf, UnsupportedError } from '../../../client/base/errors.ts'
import type { RemoteProcess } from '../../../client/base/types.ts'
import { STDIN_END_MS, TELL_OF_END_MS } from '../base/limits.ts'
import { say } from './stderr.ts'

export type FeedOptions = {
  process: RemoteProcess
  isTerminal: boolean
  /** Sees each piece first, and tells what of it goes on. */
  filter?: ((bytes: Uint8Array) => Uint8Array) | undefined
  /** Whether its end is the end of the process's stdin, too. */
  passesEnd?: boolean
}

/** Settles when stdin has ended, or nobody takes it any more. Never rejects: what becomes of the process is told by its output. */
export async function feedStdin({ process: remote, isTerminal, filter, passesEnd = true }: FeedOptions): Promise<void> {
  const writer = remote.stdin.getWriter()
  // Its errors come back from the writes.
  writer.closed.catch(() => {})
  let last: number | undefined
  try {
    for await (const bytes of inputPieces()) {
      const piece = filter === undefined ? bytes : filter(bytes)
      if (piece.length === 0) continue
      last = piece.at(-1)
      await writer.write(piece)
    }
  } catch {
    return letGo()
  }
  if (!passesEnd) return
  try {
    // In the middle of a line the first only ends that.
    if (isTerminal && last !== undefined && last !== NEW_LINE) await remote.closeStdin()
    await writer.close()
  } catch (error) {
    if (error instanceof UnsupportedError && last !== undefined) setTimeout(tellOfEnd, TELL_OF_END_MS).unref()
  }
}

const NEW_LINE = 10

function tellOfEnd(): void {
  say('stdin has ended, which this server cannot tell the command: it may wait for more')
}

async function* inputPieces(): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const bytes of process.stdin) yield bytes as Uint8Array
  } catch (error) {
    // A terminal that has gone, a directory.
    if (!isatty(0)) say(`cannot read stdin: ${messageOf(error)}`)
  }
}

/** Whoever writes into our stdin is to notice that nobody reads it, as if the command had closed it here. */
function letGo(): void {
  process.stdin.destroy()
  const kind = fstatSync(0)
  if (!kind.isFIFO() && !kind.isSocket()) return
  closeSync(0)
  // Takes the number's place, so that nothing else gets it.
  openSync('/dev/null', 'r')
}

/** Whether stdin has ended before anything came. For servers where that can be told the command only at its start. */
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

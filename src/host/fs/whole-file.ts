/** Reads and writes open files whole. */
import type { FileHandle } from 'node:fs/promises'
import type { ReadFileOptions } from '../../core/base/host.ts'
import { invalidRequest } from '../../protocol/wire/errors.ts'
import { largeBuffer } from '../large-memory.ts'

/** Read size for files without a size, such as those in /proc, in bytes. */
const PIECE_BYTES = 64 * 1024

/**
 * Reads an open regular file, and closes it. Calls `verify` with it, and `reserve` with the bytes needed, before.
 * @throws RpcError (invalid request) for another kind of file or more than `maxBytes`; else an errno error
 */
export async function readOpened(
  file: FileHandle,
  path: string,
  { maxBytes, reserve }: Pick<ReadFileOptions, 'maxBytes' | 'reserve'>,
  verify?: (file: FileHandle) => Promise<void>,
): Promise<Uint8Array> {
  try {
    await verify?.(file)
    const info = await file.stat()
    if (!info.isFile()) throw invalidRequest(`path \`${path}\` is not a file`)
    if (info.size > maxBytes) throw tooLarge(maxBytes)
    await reserve(Math.max(info.size, PIECE_BYTES))
    return await readAll(file, info.size, maxBytes)
  } finally {
    await file.close()
  }
}

const tooLarge = (maxBytes: number) => invalidRequest(`file is too large to read at once: limit is ${maxBytes} bytes`)

/** Reads to end of file: the file may have grown or shrunk since its size was read. */
async function readAll(file: FileHandle, size: number, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let total = 0
  // One byte more than the size, so that a file of exactly that size ends with the second read.
  for (let want = size + 1; ; want = PIECE_BYTES) {
    const piece = largeBuffer(want)
    const { bytesRead } = await file.read(piece, 0, want, null)
    if (bytesRead === 0) break
    total += bytesRead
    if (total > maxBytes) throw tooLarge(maxBytes)
    pieces.push(piece.subarray(0, bytesRead))
  }
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, total)
}

/**
 * Replaces what is in an open file, and closes it.
 * @throws RpcError (invalid request) for a FIFO or socket; else an errno error
 */
export async function writeOpened(file: FileHandle, path: string, data: Uint8Array): Promise<void> {
  try {
    const info = await file.stat()
    if (info.isFIFO() || info.isSocket()) throw invalidRequest(`path \`${path}\` is not a file`)
    if (info.isFile()) await file.truncate(0)
    for (let at = 0; at < data.length; ) at += (await file.write(data, at)).bytesWritten
  } finally {
    await file.close()
  }
}

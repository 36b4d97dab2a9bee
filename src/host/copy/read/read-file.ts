/** Reads the bytes of one file as messages. */
import { close, fstatSync, read, readSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { COPY_BLOCK_BYTES, COPY_INLINE_BYTES, COPY_SMALL_BYTES } from '../../limits.ts'
import { extentsOf } from './extents.ts'
import { note } from '../texts.ts'
import type { Message } from '../messages.ts'

const readAsync = promisify(read)

/** A read that usually finds the end of the file. */
const PROBE_BYTES = 4096

/**
 * How files are read. `isBlocking`: in calls that block the thread, which takes a quarter of the processor time. The
 * bytes of a message are then valid until the next one is asked for.
 */
export type ReadMode = { signal: AbortSignal; isBlocking: boolean }

/**
 * Yields data, holes and the end of an open file.
 * @throws the operating system's error, or the signal's reason
 */
export async function* readContents(
  fd: number,
  info: BigIntStats,
  path: string,
  { signal, isBlocking }: ReadMode,
): AsyncGenerator<Message, void, undefined> {
  const state = { crc: 0, size: 0 }
  const data = (bytes: Uint8Array): Message => {
    state.crc = crc32(bytes, state.crc)
    state.size += bytes.length
    return { type: 'data', bytes }
  }
  if (!info.isFile()) {
    yield* readToEnd(fd, null, data, signal)
  } else if (info.size <= COPY_SMALL_BYTES && info.blocks * 512n >= info.size) {
    const bytes = Buffer.allocUnsafe(Number(info.size))
    const length = readAllSync(fd, bytes)
    if (length > 0) yield data(bytes.subarray(0, length))
  } else {
    for (const extent of extentsOf(fd, info)) {
      if (extent.isHole) {
        state.size += extent.end - extent.start
        yield { type: 'hole', length: extent.end - extent.start }
      } else if (isBlocking) yield* readExtentSync(fd, extent, data, signal)
      else yield* readExtent(fd, extent, data, signal)
    }
  }
  if (info.isFile()) yield* readRest(fd, state, data, signal)
  yield* changes(fd, info, path)
  yield { type: 'end', ...state }
}

/**
 * The bytes of a small file with their checksum, synchronously; undefined for a file that is not small and complete at
 * once.
 */
export function readSmall(fd: number, info: BigIntStats): { bytes: Uint8Array; crc: number } | undefined {
  if (!info.isFile() || info.size > COPY_INLINE_BYTES || info.blocks * 512n < info.size) return undefined
  // One byte more finds out that it has grown.
  const bytes = Buffer.allocUnsafe(Number(info.size) + 1)
  const length = readAllSync(fd, bytes)
  if (length !== Number(info.size)) return undefined
  const contents = bytes.subarray(0, length)
  return { bytes: contents, crc: crc32(contents) }
}

function readAllSync(fd: number, bytes: Buffer): number {
  let length = 0
  for (let count = -1; count !== 0 && length < bytes.length; length += count) {
    count = readSync(fd, bytes, length, bytes.length - length, length)
  }
  return length
}

/** Files that do not know their size, such as those of /proc, and those that have grown. */
async function* readRest(
  fd: number,
  state: { size: number },
  data: (bytes: Uint8Array) => Message,
  signal: AbortSignal,
): AsyncGenerator<Message, void, undefined> {
  const probe = new Uint8Array(PROBE_BYTES)
  const count = readSync(fd, probe, 0, PROBE_BYTES, state.size)
  if (count === 0) return
  yield data(probe.subarray(0, count))
  yield* readToEnd(fd, state.size, data, signal)
}

function* readExtentSync(
  fd: number,
  { start, end }: { start: number; end: number },
  data: (bytes: Uint8Array) => Message,
  signal: AbortSignal,
): Generator<Message, void, undefined> {
  const block = Buffer.allocUnsafeSlow(Math.min(COPY_BLOCK_BYTES, end - start))
  for (let at = start; at < end; ) {
    signal.throwIfAborted()
    const count = readSync(fd, block, 0, Math.min(block.length, end - at), at)
    // It has become shorter.
    if (count === 0) return
    at += count
    yield data(block.subarray(0, count))
  }
}

async function* readExtent(
  fd: number,
  { start, end }: { start: number; end: number },
  data: (bytes: Uint8Array) => Message,
  signal: AbortSignal,
): AsyncGenerator<Message, void, undefined> {
  const readAt = (at: number): Promise<{ bytesRead: number; buffer: Uint8Array }> => {
    const length = Math.min(COPY_BLOCK_BYTES, end - at)
    return readAsync(fd, Buffer.allocUnsafeSlow(length), 0, length, at)
  }
  let next: ReturnType<typeof readAt> | undefined
  try {
    for (let at = start; at < end; ) {
      signal.throwIfAborted()
      const { bytesRead, buffer } = await (next ?? readAt(at))
      next = undefined
      // It has become shorter.
      if (bytesRead === 0) return
      at += bytesRead
      // Read ahead while this block is on its way.
      if (at < end) next = readAt(at)
      next?.catch(() => {})
      yield data(buffer.subarray(0, bytesRead))
    }
  } finally {
    // The descriptor is not closed before.
    await next?.catch(() => {})
  }
}

async function* readToEnd(
  fd: number,
  start: number | null,
  data: (bytes: Uint8Array) => Message,
  signal: AbortSignal,
): AsyncGenerator<Message, void, undefined> {
  for (let at = start; ; ) {
    signal.throwIfAborted()
    const { bytesRead, buffer } = await readAsync(fd, new Uint8Array(COPY_BLOCK_BYTES), 0, COPY_BLOCK_BYTES, at)
    if (bytesRead === 0) return
    if (at !== null) at += bytesRead
    yield data(buffer.subarray(0, bytesRead))
  }
}

function* changes(fd: number, before: BigIntStats, path: string): Generator<Message, void, undefined> {
  if (!before.isFile()) return
  const after = fstatSync(fd, { bigint: true })
  if (after.mtimeNs !== before.mtimeNs || after.size !== before.size)
    yield note('source', path, 'changed while it was read')
}

/** Closes in the background: a close can wait for a network file system. */
export const closeQuietly = (fd: number): void => close(fd, () => {})

/** Reads and writes files in blocks, a few blocks ahead. */
import type { FileCalls } from './file-calls.ts'
import { openFile } from './open-file.ts'
import type { FileOptions } from '../base/types.ts'

const ignore = (): void => {}

/**
 * Yields the bytes from `offset` on. `stop` ends it at once, even during a call. The file is always closed.
 * @throws {UnsupportedError} Before the first block, if the server does not support blocks.
 */
export async function* readBlocks(
  calls: FileCalls,
  path: string | URL,
  { sandbox }: FileOptions,
  offset: number,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const { fileBlock, fileBlocksAhead } = calls.limits
  const file = await openFile(calls, path, 'read', sandbox)
  // Aborted on exit, to withdraw the calls that are still queued.
  const exit = new AbortController()
  const signal = AbortSignal.any([stop, exit.signal])
  const requested: Promise<Uint8Array>[] = []
  let next = offset
  // Start with a single block, as most files are small; read ahead after a full one.
  let window = 1
  try {
    for (;;) {
      stop.throwIfAborted()
      while (requested.length < window) {
        const block = file.read(next, fileBlock, signal)
        block.catch(ignore)
        requested.push(block)
        next += fileBlock
      }
      const bytes = await (requested.shift() as Promise<Uint8Array>)
      if (bytes.length > 0) yield bytes
      if (bytes.length < fileBlock) return
      window = Math.min(window + 1, fileBlocksAhead)
    }
  } finally {
    exit.abort()
    file.close().catch(ignore)
  }
}

/** Writes one file from its beginning. */
export type Sink = {
  /** Resolves when there is room for more. The bytes may be written later; an error then rejects the next call. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when everything is written. */
  close(): Promise<void>
  /** Stops writing. What has been written stays. */
  abort(): void
}

/**
 * Creates or truncates the file and writes it in blocks.
 * @throws {UnsupportedError} If the server does not support blocks.
 */
export async function writeBlocks(
  calls: FileCalls,
  path: string | URL,
  { sandbox }: FileOptions,
  stop: AbortSignal,
): Promise<Sink> {
  const { fileBlock, fileBlocksAhead } = calls.limits
  const file = await openFile(calls, path, 'replace', sandbox)
  const exit = new AbortController()
  const signal = AbortSignal.any([stop, exit.signal])
  /** Writes in flight. They never reject: the first failure is recorded. */
  const inFlight = new Set<Promise<void>>()
  let failure: { reason: unknown } | undefined
  /** Buffers small chunks while a write is in flight. */
  const buffer = new Uint8Array(fileBlock)
  let bufferedBytes = 0
  let offset = 0

  const abort = (): void => {
    exit.abort()
    file.close().catch(ignore)
  }
  const check = (): void => {
    stop.throwIfAborted()
    if (failure !== undefined) throw failure.reason
  }
  const send = (bytes: Uint8Array): void => {
    const write: Promise<void> = file.write(offset, bytes, signal).then(
      () => {
        inFlight.delete(write)
        if (inFlight.size === 0 && failure === undefined) flush()
      },
      (reason: unknown) => {
        inFlight.delete(write)
        failure ??= { reason }
      },
    )
    inFlight.add(write)
    offset += bytes.length
  }
  const flush = (): void => {
    if (bufferedBytes > 0) send(buffer.subarray(0, bufferedBytes))
    bufferedBytes = 0
  }
  const room = async (): Promise<void> => {
    while (inFlight.size >= fileBlocksAhead) await Promise.race(inFlight)
    check()
  }

  if (stop.aborted) {
    abort()
    throw stop.reason
  }
  return {
    write: async (bytes) => {
      check()
      for (let at = 0; at < bytes.length; ) {
        const piece = bytes.subarray(at, at + fileBlock - bufferedBytes)
        at += piece.length
        if (piece.length === fileBlock) send(piece)
        else {
          buffer.set(piece, bufferedBytes)
          bufferedBytes += piece.length
          if (bufferedBytes === fileBlock || inFlight.size === 0) flush()
        }
        await room()
      }
    },
    close: async () => {
      try {
        flush()
        while (inFlight.size > 0) await Promise.race(inFlight)
        check()
      } catch (error) {
        abort()
        throw error
      }
      // Errors such as a full disk may only be reported on close.
      await file.close()
    },
    abort,
  }
}

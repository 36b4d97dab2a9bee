/** Files block by block, a few blocks ahead of whoever reads, and of the server that writes. */
import type { FileCalls } from './file-calls.ts'
import { openFile } from './open-file.ts'
import type { FileOptions } from '../base/types.ts'

const ignore = (): void => {}

/**
 * The bytes from `offset` on. `stop` ends it at once, whatever it waits for. The file is closed on every way out.
 * Throws UnsupportedError before anything else where the server has no blocks.
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
  // Together with the calls behind it, an abort on the way out takes back what waits.
  const way = new AbortController()
  const signal = AbortSignal.any([stop, way.signal])
  const ahead: Promise<Uint8Array>[] = []
  let next = offset
  // Most files are small: more than one block is asked for once the first was full.
  let window = 1
  try {
    for (;;) {
      stop.throwIfAborted()
      while (ahead.length < window) {
        const block = file.read(next, fileBlock, signal)
        block.catch(ignore)
        ahead.push(block)
        next += fileBlock
      }
      const bytes = await (ahead.shift() as Promise<Uint8Array>)
      if (bytes.length > 0) yield bytes
      if (bytes.length < fileBlock) return
      window = Math.min(window + 1, fileBlocksAhead)
    }
  } finally {
    way.abort()
    file.close().catch(ignore)
  }
}

export type Sink = {
  /** Settles when there is room for more. What was taken may be written later; what fails is told by the next call. */
  write(bytes: Uint8Array): Promise<void>
  /** Settles when everything is written. */
  close(): Promise<void>
  /** Gives it up. What is written stays. */
  abort(): void
}

/** Empties the file, or makes it, and writes it from its beginning. Throws UnsupportedError where the server has no blocks. */
export async function writeBlocks(
  calls: FileCalls,
  path: string | URL,
  { sandbox }: FileOptions,
  stop: AbortSignal,
): Promise<Sink> {
  const { fileBlock, fileBlocksAhead } = calls.limits
  const file = await openFile(calls, path, 'replace', sandbox)
  const way = new AbortController()
  const signal = AbortSignal.any([stop, way.signal])
  /** Writes under way. They do not reject: the first failure is kept. */
  const underWay = new Set<Promise<void>>()
  let failure: { reason: unknown } | undefined
  /** Small pieces, gathered while there is a write under way. */
  const held = new Uint8Array(fileBlock)
  let heldBytes = 0
  let offset = 0

  const abort = (): void => {
    way.abort()
    file.close().catch(ignore)
  }
  const check = (): void => {
    stop.throwIfAborted()
    if (failure !== undefined) throw failure.reason
  }
  const send = (bytes: Uint8Array): void => {
    const write: Promise<void> = file.write(offset, bytes, signal).then(
      () => {
        underWay.delete(write)
        if (underWay.size === 0 && failure === undefined) flush()
      },
      (reason: unknown) => {
        underWay.delete(write)
        failure ??= { reason }
      },
    )
    underWay.add(write)
    offset += bytes.length
  }
  const flush = (): void => {
    if (heldBytes > 0) send(held.subarray(0, heldBytes))
    heldBytes = 0
  }
  const room = async (): Promise<void> => {
    while (underWay.size >= fileBlocksAhead) await Promise.race(underWay)
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
        const piece = bytes.subarray(at, at + fileBlock - heldBytes)
        at += piece.length
        if (piece.length === fileBlock) send(piece)
        else {
          held.set(piece, heldBytes)
          heldBytes += piece.length
          if (heldBytes === fileBlock || underWay.size === 0) flush()
        }
        await room()
      }
    },
    close: async () => {
      try {
        flush()
        while (underWay.size > 0) await Promise.race(underWay)
        check()
      } catch (error) {
        abort()
        throw error
      }
      // It may be only now that the file system finds that it has no room.
      await file.close()
    },
    abort,
  }
}

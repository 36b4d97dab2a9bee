/**
 * Writes to a descriptor in the background. The descriptor's flags stay as they are, since other processes may share
 * it.
 */
import { write, writev } from 'node:fs'

/** Buffers and bytes per write: enough to amortize the call, and below the systems' limits (IOV_MAX). */
const BATCH_PIECES = 64
const BATCH_BYTES = 1024 * 1024

/** Delay before a retry on EAGAIN, where another process has made the descriptor non-blocking, in ms. */
const BUSY_MS = 2

export type WriteQueueOptions = {
  /** Bytes that may wait. */
  room: number
  /** Offset of the first byte in the file; without it, the bytes are appended to what was written. */
  position?: number
  /** Called as soon as a write fails. Returns what is thrown then; by default the operating system's error. */
  failed?: (cause: NodeJS.ErrnoException) => Error
}

/** A buffered output. */
export type WriteQueue = {
  /** Bytes that were written. */
  readonly written: number
  /**
   * Queues the bytes. When full, returns a promise that resolves when there is room again.
   * @throws the error of an earlier write
   */
  push(bytes: Uint8Array): Promise<void> | undefined
  /** Leaves out so many bytes of the file. Everything must be written. */
  skip(length: number): void
  /** Resolves when everything is written; undefined: it is. Rejects, or throws, with the error of a write. */
  flush(): Promise<void> | undefined
  /** Drops what waits. Resolves when nothing is being written; undefined: nothing is. Never rejects. */
  cancel(): Promise<void> | undefined
}

/** Creates a queue of writes to `fd`. */
export function writeQueue(fd: number, { room, position, failed }: WriteQueueOptions): WriteQueue {
  let queue: Uint8Array[] = []
  let queued = 0
  let written = 0
  let skipped = 0
  let failure: Error | undefined
  let writing: Promise<void> | undefined
  let wake: PromiseWithResolvers<void> | undefined

  async function drain(): Promise<void> {
    try {
      while (queue.length > 0) {
        for (let batch = nextBatch(); batch.length > 0; ) {
          const at = position === undefined ? null : position + skipped + written
          const count = await writeSome(fd, batch, at)
          written += count
          queued -= count
          batch = afterWrite(batch, count)
        }
        if (queued <= room) wakeUp()
      }
    } catch (error) {
      queue = []
      failure = failed?.(error as NodeJS.ErrnoException) ?? (error as Error)
    }
    writing = undefined
    wakeUp()
  }

  function nextBatch(): Uint8Array[] {
    let count = 0
    for (let size = 0; count < Math.min(queue.length, BATCH_PIECES) && size < BATCH_BYTES; count++) {
      size += (queue[count] as Uint8Array).length
    }
    return queue.splice(0, count)
  }

  function wakeUp(): void {
    wake?.resolve()
    wake = undefined
  }

  async function flush(): Promise<void> {
    while (writing !== undefined) await writing
    if (failure !== undefined) throw failure
  }

  return {
    get written() {
      return written
    },
    push(bytes) {
      if (failure !== undefined) throw failure
      if (bytes.length === 0) return undefined
      queue.push(bytes)
      queued += bytes.length
      writing ??= drain()
      return queued > room ? (wake ??= Promise.withResolvers()).promise : undefined
    },
    skip: (length) => void (skipped += length),
    flush() {
      if (writing !== undefined) return flush()
      if (failure !== undefined) throw failure
      return undefined
    },
    cancel() {
      queue = []
      return writing
    },
  }
}

function afterWrite(pieces: Uint8Array[], written: number): Uint8Array[] {
  let [at, rest] = [0, written]
  while (at < pieces.length && rest >= (pieces[at] as Uint8Array).length) rest -= (pieces[at++] as Uint8Array).length
  const left = pieces.slice(at)
  if (rest > 0) left[0] = (left[0] as Uint8Array).subarray(rest)
  return left
}

function writeSome(fd: number, pieces: Uint8Array[], position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, written: number): void => {
      if (error === null || error === undefined) resolve(written)
      else if (error.code === 'EAGAIN') setTimeout(() => resolve(0), BUSY_MS)
      else reject(error)
    }
    const [only] = pieces
    if (only !== undefined && pieces.length === 1) write(fd, only, 0, only.length, position, done)
    else if (position === null) writev(fd, pieces, done)
    else writev(fd, pieces, position, done)
  })
}

/**
 * Writes to one of our own outputs in the background. Node's stdout and stderr write to pipes synchronously: a stalled
 * reader would block signal handling and responses to the server. The descriptor's flags stay as they are, since
 * other processes may share it.
 */
import { write, writev } from 'node:fs'
import { reasonOf } from '../../../base/os-error-text.ts'

/** Buffers and bytes per write: enough to amortize the call, and below the systems' limits (IOV_MAX). */
const BATCH_PIECES = 64
const BATCH_BYTES = 1024 * 1024

/** Delay before a retry on EAGAIN, where another process has made the descriptor non-blocking. */
const BUSY_MS = 2

/** Exit code that a shell reports for a command ended by SIGPIPE (128 + 13). */
export const BROKEN_PIPE = 141

/** A failed write to one of our outputs. */
export class FdWriteError extends Error {
  override name = 'FdWriteError'
  /** Whether the reader has closed its end. */
  readonly isGone: boolean
  constructor(name: string, cause: NodeJS.ErrnoException) {
    super(`cannot write to ${name}: ${reasonOf(cause)}`, { cause })
    this.isGone = cause.code === 'EPIPE' || cause.code === 'ECONNRESET'
  }
}

/** A buffered output. */
export type FdWriter = {
  /**
   * Queues the bytes. When full, returns a promise that resolves when there is room again.
   * @throws {FdWriteError}
   */
  push(bytes: Uint8Array): Promise<void> | undefined
  /**
   * Resolves when everything is written.
   * @throws {FdWriteError}
   */
  flush(): Promise<void>
}

/** Creates an output on `fd` that queues up to `room` bytes. Calls `failed` as soon as a write fails. */
export function fdWriter(
  fd: number,
  name: string,
  room: number,
  failed: (error: FdWriteError) => void = () => {},
): FdWriter {
  let queue: Uint8Array[] = []
  let queued = 0
  let failure: FdWriteError | undefined
  let writing: Promise<void> | undefined
  let wake: PromiseWithResolvers<void> | undefined

  async function drain(): Promise<void> {
    try {
      while (queue.length > 0) {
        const batch = nextBatch()
        const size = sizeOf(batch)
        await writePieces(fd, batch)
        queued -= size
        if (queued <= room) wakeUp()
      }
    } catch (error) {
      failure = new FdWriteError(name, error as NodeJS.ErrnoException)
      queue = []
      failed(failure)
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

  return {
    push(bytes) {
      if (failure !== undefined) throw failure
      if (bytes.length === 0) return undefined
      queue.push(bytes)
      queued += bytes.length
      writing ??= drain()
      return queued > room ? (wake ??= Promise.withResolvers()).promise : undefined
    },
    async flush() {
      while (writing !== undefined) await writing
      if (failure !== undefined) throw failure
    },
  }
}

const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0)

async function writePieces(fd: number, pieces: Uint8Array[]): Promise<void> {
  let left = pieces
  while (left.length > 0) left = afterWrite(left, await writeSome(fd, left))
}

function afterWrite(pieces: Uint8Array[], written: number): Uint8Array[] {
  let [at, rest] = [0, written]
  while (at < pieces.length && rest >= (pieces[at] as Uint8Array).length) rest -= (pieces[at++] as Uint8Array).length
  const left = pieces.slice(at)
  if (rest > 0) left[0] = (left[0] as Uint8Array).subarray(rest)
  return left
}

function writeSome(fd: number, pieces: Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, written: number): void => {
      if (error === null || error === undefined) resolve(written)
      else if (error.code === 'EAGAIN') setTimeout(() => resolve(0), BUSY_MS)
      else reject(error)
    }
    if (pieces.length === 1) write(fd, pieces[0] as Uint8Array, done)
    else writev(fd, pieces, done)
  })
}

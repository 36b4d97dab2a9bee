/**
 * One of our own outputs. Written in the background, for the usual streams of a pipe wait inside the write: a reader who has
 * stopped would keep us from signals, and from answering the server. Its descriptor stays as it is, since others may share it.
 */
import { write, writev } from 'node:fs'

/** Pieces and bytes of one write: enough to make its cost small, and below what systems take in at once. */
const BATCH_PIECES = 64
const BATCH_BYTES = 1024 * 1024

/** Pause before another attempt, where somebody else has made the descriptor one that does not wait. */
const BUSY_MS = 2

/** What a shell says of a command whose reader has gone. */
export const BROKEN_PIPE = 141

export class OutletError extends Error {
  override name = 'OutletError'
  /** Whether its reader has gone. */
  readonly isGone: boolean
  constructor(name: string, cause: NodeJS.ErrnoException) {
    super(`cannot write to ${name}: ${cause.message}`, { cause })
    this.isGone = cause.code === 'EPIPE' || cause.code === 'ECONNRESET'
  }
}

export type Outlet = {
  /** Takes the bytes, and a promise of room if there is none for more. Throws OutletError. */
  push(bytes: Uint8Array): Promise<void> | undefined
  /** Settles when everything is written. Rejects with OutletError. */
  flush(): Promise<void>
}

/** `room` is how many bytes may wait; `failed` is told of the first failure at once. */
export function outlet(
  fd: number,
  name: string,
  room: number,
  failed: (error: OutletError) => void = () => {},
): Outlet {
  let queue: Uint8Array[] = []
  let queued = 0
  let failure: OutletError | undefined
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
      failure = new OutletError(name, error as NodeJS.ErrnoException)
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
  while (left.length > 0) left = without(left, await writeSome(fd, left))
}

function without(pieces: Uint8Array[], written: number): Uint8Array[] {
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

/**
 * Writes to a terminal's master. The descriptor is non-blocking, so bytes are written in the same turn of the event
 * loop, and only while the descriptor is known to be open: a deferred write could hit another terminal that reused the
 * number. What the terminal does not accept is queued, and retried when the child produces output or after a pause that
 * doubles while nothing is read.
 */
import { writeSync } from 'node:fs'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import type { Socket } from 'node:net'
import type { ReadStream } from 'node:tty'
import { errorCode } from '../../base/os-error-text.ts'
import { isDeno } from '../../base/runtime.ts'

/** Immediate retries, one per turn of the event loop, before pauses begin: keeps a fast reader busy. */
const EAGER_TURNS = 32
/** The pause between later retries, in ms: doubles from minimum to maximum. */
const MIN_PAUSE_MS = 1
const MAX_PAUSE_MS = 20

/** The input queue of a terminal. */
export type TerminalWriter = {
  write(bytes: Uint8Array): void
  /** Bytes not written yet. */
  queued(): number
  /** To be called when the child produced output: it may have read input, too. */
  stir(): void
  close(): void
}

/** Returns a writer for the master `fd`. `moved` is called when the queue has become shorter. */
export function terminalWriter(fd: number, master: ReadStream, moved: () => void): TerminalWriter {
  // Deno rejects descriptors opened by an addon; there the stream itself writes without blocking.
  return isDeno ? streamWriter(master, moved) : descriptorWriter(fd, master, moved)
}

function descriptorWriter(fd: number, master: ReadStream, moved: () => void): TerminalWriter {
  const queue: Uint8Array[] = []
  let queued = 0
  let fruitless = 0
  let timer: NodeJS.Timeout | undefined
  let eager: NodeJS.Immediate | undefined

  const clear = (): void => {
    queue.length = 0
    queued = 0
  }

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const before = queued
    try {
      while (queue[0] !== undefined && !master.destroyed) {
        const head = queue[0]
        const written = writeSync(fd, head)
        queued -= written
        if (written < head.length) queue[0] = head.subarray(written)
        else queue.shift()
      }
      if (master.destroyed) clear()
    } catch (error) {
      if (errorCode(error) === 'EAGAIN') retryLater(queued < before)
      else clear()
    }
    if (queued < before) moved()
  }

  const retryLater = (progress: boolean): void => {
    fruitless = progress ? 0 : fruitless + 1
    if (fruitless < EAGER_TURNS) {
      eager ??= setImmediate(() => {
        eager = undefined
        flush()
      })
      return
    }
    const pause = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** (fruitless - EAGER_TURNS))
    timer = setTimeout(flush, pause)
    timer.unref()
  }

  return {
    write: (bytes) => {
      queue.push(bytes)
      queued += bytes.length
      if (queue.length === 1) flush()
    },
    queued: () => queued,
    stir: () => {
      if (timer !== undefined) flush()
    },
    close: () => {
      clearTimeout(timer)
      clear()
      moved()
    },
  }
}

function streamWriter(master: ReadStream, moved: () => void): TerminalWriter {
  // A duplex stream, although its type says that it is only read.
  const stream: Socket = master
  stream.on('drain', moved)
  return {
    write: (bytes) => void stream.write(bytes),
    queued: () => stream.writableLength,
    stir: () => {},
    close: moved,
  }
}

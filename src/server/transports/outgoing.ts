/**
 * What one connection sends: messages in order, in few writes and little memory. Messages of one turn of the event loop
 * go out in one write. A large one is encoded as it is sent, in fragments; what comes after it waits.
 */
import process from 'node:process'
import { setImmediate } from 'node:timers'
import type { RawJson } from '../../core/base/json-fragments.ts'
import { noteTraffic, onQuiet } from '../../host/memory-pressure.ts'
import { BufferPool } from './buffer-pool.ts'
import { discard, PieceEncoder } from './message-encoding.ts'
import { frameRoom, writeFragment, writeFrame } from './websocket-frames.ts'

/** Bytes of one write, and of a fragment: some hundred microseconds to encode and write. */
const BUFFER_BYTES = 256 * 1024

/** Bytes that one connection writes before others have their turn. */
const TURN_BYTES = 512 * 1024

/** Enough for the writes of a turn. */
const KEPT_BUFFERS = 4

const pool = new BufferPool(BUFFER_BYTES, KEPT_BUFFERS)
onQuiet(() => pool.clear())

/** Where the bytes go; a socket. */
export type Sink = {
  /** Calls `done`, never before it returns, once the bytes were accepted, or with an error if they cannot be. */
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown
}

/** Frames that are written together. */
class Batch {
  readonly buffer = pool.take()
  used = 0
}

/** A message that is being sent in fragments. */
class Fragmented {
  readonly encoder: PieceEncoder
  isFirst = true
  constructor(message: string | RawJson) {
    this.encoder = new PieceEncoder(message)
  }
}

/** The queue of one connection. One write is under way at a time. */
export class Outgoing {
  readonly #sink: Sink
  readonly #onWritten: () => void
  #queue: (Batch | Fragmented)[] = []
  /** Bytes in the queue, without the headers of fragments. */
  #queued = 0
  /** The write under way. */
  #writing: Buffer | undefined
  /** Whether the next write has been scheduled. */
  #isScheduled = false
  #turnBytes = 0
  #isStopped = false
  #onEmpty: (() => void) | undefined

  /** `onWritten` is called whenever the sink has accepted something. */
  constructor(sink: Sink, onWritten: () => void) {
    this.#sink = sink
    this.#onWritten = onWritten
  }

  /** Bytes that wait here; not those that the sink has. */
  get queued(): number {
    return this.#queued
  }

  /** Queues a message. */
  send(message: string | RawJson): void {
    if (this.#isStopped) return discard(message)
    const room = frameRoom(message)
    if (room > BUFFER_BYTES) {
      const item = new Fragmented(message)
      this.#queued += item.encoder.remaining
      this.#queue.push(item)
    } else {
      const batch = this.#batch(room)
      const end = writeFrame(batch.buffer, batch.used, message)
      this.#queued += end - batch.used
      batch.used = end
    }
    if (this.#isScheduled || this.#writing !== undefined) return
    this.#isScheduled = true
    process.nextTick(this.#next)
  }

  #batch(room: number): Batch {
    const last = this.#queue.at(-1)
    if (last instanceof Batch && BUFFER_BYTES - last.used >= room) return last
    const batch = new Batch()
    this.#queue.push(batch)
    return batch
  }

  /** Takes no more messages, and calls `onEmpty` once all have been accepted. Not if it is stopped before. */
  end(onEmpty: () => void): void {
    this.#onEmpty = onEmpty
    if (!this.#isScheduled && this.#writing === undefined) this.#next()
  }

  /** Hands over at once what is encoded and has its turn, and drops the rest: no message may follow. */
  cutOff(): void {
    for (const item of this.#queue) {
      if (item instanceof Fragmented) break
      this.#sink.write(item.buffer.subarray(0, item.used), () => {})
    }
    this.stop()
  }

  /** Drops everything. */
  stop(): void {
    this.#isStopped = true
    for (const item of this.#queue) if (item instanceof Fragmented) item.encoder.discard()
    this.#queue = []
    this.#queued = 0
    this.#onEmpty = undefined
  }

  readonly #next = (): void => {
    this.#isScheduled = false
    const item = this.#queue[0]
    if (item === undefined) {
      this.#onEmpty?.()
      this.#onEmpty = undefined
      return
    }
    const bytes = item instanceof Batch ? this.#takeBatch(item) : this.#takeFragment(item)
    noteTraffic(bytes.length)
    this.#turnBytes += bytes.length
    this.#sink.write(bytes, this.#written)
  }

  #takeBatch({ buffer, used }: Batch): Buffer {
    this.#queue.shift()
    this.#queued -= used
    this.#writing = buffer
    return buffer.subarray(0, used)
  }

  #takeFragment(item: Fragmented): Buffer {
    const { encoder, isFirst } = item
    const before = encoder.remaining
    this.#writing = pool.take()
    const bytes = writeFragment(this.#writing, encoder, isFirst)
    this.#queued -= before - encoder.remaining
    item.isFirst = false
    if (encoder.remaining === 0) this.#queue.shift()
    return bytes
  }

  readonly #written = (error?: Error | null): void => {
    // After an error the sink may still have it.
    if (this.#writing !== undefined && !error) pool.giveBack(this.#writing)
    this.#writing = undefined
    if (error) this.stop()
    if (this.#isStopped) return
    if (this.#queue.length > 0 || this.#onEmpty !== undefined) this.#schedule()
    this.#onWritten()
  }

  /** Writes on, or lets others have their turn first. */
  #schedule(): void {
    if (this.#turnBytes < TURN_BYTES) return this.#next()
    this.#turnBytes = 0
    this.#isScheduled = true
    setImmediate(this.#next)
  }
}

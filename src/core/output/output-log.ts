/**
 * The events of one process as its clients see them: output chunks, the exit and the close, numbered in one sequence.
 *
 * The ring of retained chunks is also the send queue: events up to `#sent` have been sent, or were skipped because no
 * listener was attached. The process pauses its child while `shouldPause`, so unsent chunks are never dropped.
 */
import type { OutputStream } from '../../protocol/schemas/process.ts'
import type { Chunk, TimedChunk } from '../base/chunk.ts'
import type { Clock } from '../base/clock.ts'
import { FlowWindow } from '../base/flow-window.ts'
import { processNotices, readResult } from '../base/json-fragments.ts'
import type { BytesResult, Notice } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'
import type { Totals } from '../base/observer.ts'
import type { LogPart, LogRange, OutputSink } from '../base/run-store.ts'
import { ChunkBuilder } from './chunk-builder.ts'
import { RetainedOutput } from './retained-output.ts'
import type { Evictable, RetainedBudget } from './retained-budget.ts'
import type { StreamEnds } from './stream-ends.ts'

/** Dependencies and settings of one {@link OutputLog}. */
export type OutputLogOptions = {
  clock: Clock
  limits: Limits
  budget: RetainedBudget
  totals: Pick<Totals, 'outputRead' | 'outputSent'>
  /** Flow-control window: bytes of unacknowledged output above which the child is paused. Absent: no window. */
  outputWindow?: number | undefined
}

/** Upper bound, in bytes, of the JSON around one chunk's base64 in a read result. */
const CHUNK_FRAME_BYTES = 64

/** Numbers, retains and encodes the events of one process, and tells when its client is behind. */
export class OutputLog implements Evictable {
  readonly #processId: string
  readonly #options: OutputLogOptions
  readonly #onChunk: (chunk: TimedChunk) => void
  readonly #notices: ReturnType<typeof processNotices>
  readonly #retained: RetainedOutput
  #sink: OutputSink | undefined

  /** Output read in this turn of the event loop, which is not a chunk yet. */
  readonly #pending: ChunkBuilder
  #isSealScheduled = false

  #nextSeq = 1
  #sent = 0
  #unsentBytes = 0
  readonly #window: FlowWindow | undefined
  /** Highest acknowledged sequence number; `Infinity` without a window, so that every chunk counts as acknowledged. */
  #acknowledged: number
  #outputBytes = 0

  #exit: { seq: number; code: number; sandboxDenied: boolean } | undefined
  #closedSeq: number | undefined

  /** `onChunk` is called for every new chunk. */
  constructor(processId: string, options: OutputLogOptions, onChunk: (chunk: TimedChunk) => void) {
    this.#processId = processId
    this.#options = options
    this.#onChunk = onChunk
    this.#notices = processNotices(processId)
    const { outputWindow, limits } = options
    this.#retained = new RetainedOutput(limits)
    this.#pending = new ChunkBuilder(limits.chunkBytes)
    if (outputWindow !== undefined)
      this.#window = new FlowWindow(Math.min(outputWindow, limits.retainedPerProcess), limits.unacknowledgedChunks)
    this.#acknowledged = outputWindow === undefined ? Infinity : 0
    options.budget.add(this)
  }

  /** Bytes of all output so far. */
  get outputBytes(): number {
    return this.#outputBytes
  }

  get #ring(): RetainedOutput['ring'] {
    return this.#retained.ring
  }

  get hasExit(): boolean {
    return this.#exit !== undefined
  }

  get sandboxDenied(): boolean {
    return this.#exit?.sandboxDenied ?? false
  }

  get isClosed(): boolean {
    return this.#closedSeq !== undefined
  }

  /** Whether every event has been sent, or skipped for want of a listener. */
  get isSent(): boolean {
    return this.#sent === this.#nextSeq - 1
  }

  /** Number of the last event. */
  get lastSeq(): number {
    return this.#nextSeq - 1
  }

  /** Writes all output down in `sink`, too. */
  record(sink: OutputSink): void {
    this.#sink = sink
    this.#retained.lendAll()
  }

  // ---- new events ----

  /** Appends a copy of output; it becomes a chunk by the end of this turn of the event loop. */
  append(stream: OutputStream, bytes: Uint8Array): void {
    this.#outputBytes += bytes.length
    this.#options.totals.outputRead += bytes.length
    const { chunkBytes } = this.#options.limits
    const pending = this.#pending
    if (pending.length > 0 && (stream !== pending.stream || pending.length + bytes.length > chunkBytes)) this.seal()
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      pending.add(stream, bytes.length <= chunkBytes ? bytes : bytes.subarray(at, at + chunkBytes))
      if (pending.length >= chunkBytes) this.seal()
    }
    this.#scheduleSeal()
  }

  #scheduleSeal(): void {
    if (this.#isSealScheduled || this.#pending.length === 0) return
    this.#isSealScheduled = true
    this.#options.clock.soon(() => {
      this.#isSealScheduled = false
      this.seal()
    })
  }

  /** Makes a chunk of the output read so far. */
  seal(): void {
    if (this.#pending.length === 0) return
    const { stream } = this.#pending
    const bytes = this.#pending.take()
    const before = this.#retained.cost
    // A chunk that was acknowledged after process/read but is still to be sent must stay.
    const droppable = Math.min(this.#acknowledged, this.#sent)
    const chunk = this.#retained.append(this.#nextSeq++, stream, bytes, droppable)
    this.#unsentBytes += bytes.length
    this.#window?.charge(bytes.length)
    this.#sink?.write(chunk)
    this.#onChunk(chunk)
    this.#options.budget.charge(this.#retained.cost - before)
  }

  /** Numbers the exit, after all output so far. */
  addExit(code: number, sandboxDenied: boolean): void {
    this.seal()
    this.#exit = { seq: this.#nextSeq++, code, sandboxDenied }
  }

  /** Numbers the close, the last event. */
  addClose(): void {
    this.seal()
    this.#closedSeq = this.#nextSeq++
    this.#options.budget.ended(this)
  }

  // ---- sending ----

  /** Takes the next unsent event as a notification; undefined if there is none. */
  takeEvent(): Notice | undefined {
    const seq = this.#sent + 1
    if (seq >= this.#nextSeq) return undefined
    this.#sent = seq
    if (seq === this.#exit?.seq) return this.#notices.exited(seq, this.#exit.code, this.#exit.sandboxDenied)
    if (seq === this.#closedSeq) return this.#notices.closed(seq)
    const chunk = this.#ring.after(seq - 1)
    if (chunk?.seq !== seq) throw new Error(`process ${this.#processId}: unsent chunk ${seq} is gone`)
    this.#unsentBytes -= chunk.bytes.length
    this.#options.totals.outputSent += chunk.bytes.length
    return this.#notices.output(chunk)
  }

  /** Counts all events so far as sent; process/read still returns them. */
  skipUnsent(): void {
    this.#sent = this.#nextSeq - 1
    this.#unsentBytes = 0
  }

  /** Records that the client has processed everything up to and including `seq`. Does nothing without a window. */
  acknowledge(seq: number): void {
    if (this.#window === undefined) return
    const upTo = Math.min(seq, this.#nextSeq - 1)
    let at = this.#acknowledged
    for (let chunk = this.#ring.after(at); chunk !== undefined && chunk.seq <= upTo; chunk = this.#ring.after(at)) {
      at = chunk.seq
      this.#window.acknowledge(chunk.bytes.length)
    }
    this.#acknowledged = Math.max(this.#acknowledged, upTo)
  }

  /**
   * Whether the client is too far behind to read more output. `isAwaited`: unsent events will be sent.
   *
   * Unacknowledged output cannot be dropped to make room, so a full window counts with and without a listener. When the
   * shared budget is exhausted the window is halved: a client that acknowledges every quarter never stalls.
   */
  shouldPause(isAwaited: boolean): boolean {
    if (this.#sink?.isBehind === true || (isAwaited && this.#isSendingBehind)) return true
    return this.#window?.isFull(this.#pending.length, this.#options.budget.exhausted ? 0.5 : 1) ?? false
  }

  get #isSendingBehind(): boolean {
    const unsent = this.#unsentBytes + this.#pending.length
    const { budget, limits } = this.#options
    return (
      unsent > 0 &&
      (unsent > limits.unsentPerProcess || this.#nextSeq - this.#sent > limits.unsentChunks || budget.exhausted)
    )
  }

  // ---- process/read ----

  /** Whether a read after `seq` returns at once: there is output, an exit or a close after it. */
  hasNewsAfter(seq: number): boolean {
    if (this.isClosed || this.#ring.after(seq) !== undefined) return true
    return this.#exit !== undefined && seq < this.#nextSeq - 1
  }

  /** Approximate upper bound, in bytes, of the result of a read. */
  readBytes(afterSeq: number): number {
    if (this.#ring.after(afterSeq) === undefined) return 0
    return Math.ceil((this.#ring.bytes * 4) / 3) + this.#ring.length * CHUNK_FRAME_BYTES
  }

  /**
   * Builds the result of process/read: the chunks after `afterSeq`, up to `maxBytes` bytes of output (at least one
   * chunk).
   */
  read(afterSeq: number, maxBytes: number | undefined): BytesResult {
    this.seal()
    const chunks = this.#retained.lend().read(afterSeq, maxBytes ?? Infinity)
    const last = chunks.at(-1)
    return readResult(chunks, {
      nextSeq: maxBytes === undefined || last === undefined ? this.#nextSeq : last.seq + 1,
      exited: this.#exit !== undefined,
      exitCode: this.#exit?.code ?? null,
      closed: this.isClosed,
      sandboxDenied: this.sandboxDenied,
      dropped: this.#retained.lastDropped > afterSeq ? this.#retained.dropped : undefined,
    })
  }

  // ---- other views of what is retained ----

  /** All chunks that process/read returns, oldest first. */
  retained(): Chunk[] {
    this.seal()
    return this.#retained.lend().read(0, Infinity)
  }

  /** The first chunk after `seq` that process/read returns. */
  after(seq: number): TimedChunk | undefined {
    return this.#retained.lend().after(seq)
  }

  /** Number of the last chunk that process/read no longer returns. */
  get lastDropped(): number {
    return this.#retained.lastDropped
  }

  /** Both ends of a stream; undefined if nothing was written to it. */
  ends(stream: OutputStream): StreamEnds | undefined {
    this.seal()
    return this.#retained.ends(stream)
  }

  /** Reads all that is retained, the beginning included. */
  logs(range: LogRange): LogPart {
    this.seal()
    return this.#retained.logs(range)
  }

  // ---- retained budget ----

  /** Drops all output. Nothing may be appended from then on. */
  dispose(): void {
    this.#pending.clear()
    this.#options.budget.remove(this)
  }

  dropOldest(): number {
    return this.#retained.drop(Math.min(this.#acknowledged, this.#sent))
  }

  dropUnacknowledged(): number {
    return this.#retained.drop(this.#sent)
  }

  dropAll(): number {
    return this.#retained.clear()
  }
}

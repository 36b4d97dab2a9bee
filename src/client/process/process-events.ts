/**
 * The events of one process: ordered, buffered, and delivered to its readers. They come from notifications, from the
 * read after a resumption or, for another client's process, from reads alone.
 */
import { RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Caller } from '../session/rpc-client.ts'
import { ProtocolError } from '../base/errors.ts'
import { EventLog } from './event-log.ts'
import type { Reader } from './event-log.ts'
import type { ClientLimits } from '../base/limits.ts'
import { letGoOf } from '../base/unref-timer.ts'
import { readResult } from './process-codec.ts'
import { Sequencer } from './sequencer.ts'
import type { SequencedEvent } from './sequencer.ts'
import type { Abortable, Exit, LagEvent, ProcessEvent, ReadOptions, ReadResult } from '../base/types.ts'

/** Delay before a missing event is fetched by a read. Notifications overtake each other by far less. */
const GAP_MS = 2000

/** Acknowledge after this many events, however small. */
const ACKNOWLEDGED_EVENTS = 128

/** Options of {@link ProcessFeed}. */
export type FeedOptions = {
  id: string
  caller: Caller
  limits: ClientLimits
  /** Whether the server throttles the process until output is acknowledged. */
  isWindowed: boolean
  /** Whether gaps are expected: a client that only polls may miss evicted events. */
  mayMiss?: boolean
}

/** The event stream of one process, for any number of readers. */
export class ProcessFeed {
  readonly #options: FeedOptions
  readonly #log: EventLog
  readonly #sequencer: Sequencer
  readonly #exited = Promise.withResolvers<Exit>()
  readonly #closed = Promise.withResolvers<void>()
  #isStarted = false
  /** Stands in for the first reader, which may attach after the first output. */
  #expectation: { leave: () => void; timer?: ReturnType<typeof setTimeout> } | undefined
  #failure: Error | undefined
  #acknowledged = { seq: 0, total: 0 }
  #isAcknowledging = false
  #isHolding = false
  #gapTimer: ReturnType<typeof setTimeout> | undefined

  constructor(options: FeedOptions) {
    this.#options = options
    const { replayEvents, replayBytes, unreadEvents, unreadBytes, reorderEvents } = options.limits
    this.#log = new EventLog({
      replay: { events: replayEvents, bytes: replayBytes },
      unread: { events: unreadEvents, bytes: unreadBytes },
    })
    this.#sequencer = new Sequencer(reorderEvents, (event) => this.#publish(event))
    if (!this.isForeign) this.#expectation = { leave: this.#log.join({ afterSeq: 0, wake: () => {} }) }
    // Avoid unhandled rejections if nothing awaits them.
    this.#exited.promise.catch(() => {})
    this.#closed.promise.catch(() => {})
  }

  /**
   * Resolves when the process has exited; rejects when its exit can no longer be learned. If there is no reader, unread
   * output is no longer retained.
   */
  wait(): Promise<Exit> {
    this.#expectNobody()
    return this.#exited.promise
  }

  /** The server confirmed the start. Before that there is nothing to catch up with. */
  started(): void {
    this.#isStarted = true
    if (this.#expectation === undefined) return
    this.#expectation.timer = setTimeout(() => this.#expectNobody(), this.#options.limits.firstReaderMs)
    letGoOf(this.#expectation.timer)
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  #expectNobody(): void {
    if (this.#expectation === undefined) return
    clearTimeout(this.#expectation.timer)
    this.#expectation.leave()
    this.#expectation = undefined
    this.#log.trim()
    this.#progress()
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Whether another client started the process. */
  get isForeign(): boolean {
    return this.#options.mayMiss === true
  }

  /** Whether no more events will come. */
  get isOver(): boolean {
    return this.#log.closed !== undefined || this.#failure !== undefined
  }

  get lastSeq(): number {
    return this.#sequencer.last
  }

  // ---- incoming events ----

  receive(event: SequencedEvent): void {
    if (this.isOver) return
    this.#sequencer.accept(event)
    this.#watchGap()
  }

  /** Ends the stream with an error. Buffered events can still be read. */
  fail(error: Error): void {
    if (this.isOver) return
    this.#failure = error
    clearTimeout(this.#gapTimer)
    this.#exited.reject(error)
    this.#closed.reject(error)
    this.#log.wake()
  }

  #publish(event: SequencedEvent): void {
    this.#log.append(event)
    if (event.type === 'exited') this.#exited.resolve({ exitCode: event.exitCode, sandboxDenied: event.sandboxDenied })
    if (event.type === 'closed') this.#closed.resolve()
    this.#progress()
  }

  #watchGap(): void {
    if (!this.#sequencer.hasGap) {
      clearTimeout(this.#gapTimer)
      this.#gapTimer = undefined
    } else {
      this.#gapTimer ??= setTimeout(() => {
        this.#gapTimer = undefined
        if (this.isOver) return
        const { caller } = this.#options
        this.catchUp(caller.call.bind(caller)).catch((error: unknown) => this.fail(error as Error))
      }, GAP_MS)
    }
  }

  // ---- catching up ----

  /**
   * Reads everything that the server has buffered.
   * @throws {ProtocolError} If events are gone.
   * @throws {RpcError} If the process is.
   */
  async catchUp(call: Caller['call']): Promise<void> {
    let result = await this.#readAfter(call, this.#sequencer.last)
    const chunks = [...result.chunks]
    // Servers up to 0.140 report `nextSeq` correctly only in an empty read.
    while (this.#options.caller.environmentInfo === undefined && result.chunks.length > 0) {
      result = await this.#readAfter(call, (result.chunks.at(-1) as { seq: number }).seq)
      chunks.push(...result.chunks)
    }
    this.merge({ ...result, chunks })
  }

  async #readAfter(call: Caller['call'], afterSeq: number): Promise<ReadResult> {
    return readResult(
      await call(
        Method.ProcessRead,
        { processId: this.#options.id, afterSeq, maxBytes: null, waitMs: 0 },
        { repeatable: true },
      ),
    )
  }

  /**
   * Merges a complete read. Exit and close are not in its chunks: the close has the last sequence number, the exit the
   * only other one that no chunk has.
   */
  merge({ chunks, nextSeq, exited, exitCode, closed, sandboxDenied }: ReadResult): void {
    if (this.isOver) return
    const target = nextSeq - 1
    const found = new Map<number, SequencedEvent>()
    for (const chunk of chunks) if (chunk.seq <= target) found.set(chunk.seq, { type: 'output', ...chunk })
    if (closed) found.set(target, { type: 'closed', seq: target })
    const missing: number[] = []
    for (let seq = this.#sequencer.last + 1; seq <= target; seq++)
      if (!found.has(seq) && !this.#sequencer.has(seq)) missing.push(seq)
    if (exited && this.#log.exited === undefined && missing.length > 0) {
      // Evicted chunks are the oldest, so the highest missing number is the exit.
      const seq = missing.pop() as number
      found.set(seq, { type: 'exited', seq, exitCode: exitCode ?? -1, sandboxDenied })
    }
    const lost = missing.at(-1)
    if (lost !== undefined) {
      if (!this.isForeign)
        throw new ProtocolError(
          `the server no longer keeps number ${missing[0]} to ${lost} of process ${this.#options.id}`,
        )
      this.#sequencer.skipTo(lost)
    }
    for (const seq of [...found.keys()].sort((one, other) => one - other))
      this.#sequencer.accept(found.get(seq) as SequencedEvent)
    this.#watchGap()
  }

  async read({ afterSeq = 0, maxBytes, waitMs = 0, signal }: ReadOptions = {}): Promise<ReadResult> {
    if (this.#failure !== undefined) throw this.#failure
    const params = { processId: this.#options.id, afterSeq, maxBytes: maxBytes ?? null, waitMs }
    return readResult(await this.#options.caller.call(Method.ProcessRead, params, { signal, repeatable: true }))
  }

  // ---- readers ----

  async *events({
    afterSeq = 0,
    signal,
  }: Abortable & { afterSeq?: number } = {}): AsyncGenerator<ProcessEvent, void, undefined> {
    let news = Promise.withResolvers<void>()
    const wake = (): void => news.resolve()
    const reader: Reader = { afterSeq, wake }
    const leave = this.#log.join(reader)
    this.#expectNobody()
    signal?.addEventListener('abort', wake)
    try {
      for (;;) {
        signal?.throwIfAborted()
        const next = this.#log.after(reader.afterSeq)
        if (next !== undefined && next.seq === reader.afterSeq + 1) {
          yield next
          this.#taken(reader, next.seq)
        } else if (next !== undefined) {
          yield* this.#afterGap(reader, next, signal)
        } else {
          if (this.#log.closed !== undefined) return
          if (this.#failure !== undefined) throw this.#failure
          news = Promise.withResolvers()
          await news.promise
        }
      }
    } finally {
      signal?.removeEventListener('abort', wake)
      leave()
      this.#progress()
    }
  }

  /** Fills a reader's gap from the server's buffer, as far as it goes. */
  async *#afterGap(
    reader: Reader,
    next: SequencedEvent,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ProcessEvent, void, undefined> {
    const kept = (await this.#missed(reader.afterSeq, next.seq, signal)).filter(
      ({ seq }) => seq > reader.afterSeq && seq < next.seq,
    )
    const first = kept[0] ?? next
    const lag: LagEvent = {
      type: 'lag',
      afterSeq: reader.afterSeq,
      resumesAtSeq: first.seq,
      lost: first.seq !== reader.afterSeq + 1,
    }
    yield lag
    this.#taken(reader, first.seq - 1)
    for (const event of kept) {
      if (event.seq !== reader.afterSeq + 1) return
      yield event
      this.#taken(reader, event.seq)
    }
  }

  async #missed(afterSeq: number, before: number, signal: AbortSignal | undefined): Promise<SequencedEvent[]> {
    const { exited } = this.#log
    const events: SequencedEvent[] =
      exited !== undefined && exited.seq > afterSeq && exited.seq < before ? [exited] : []
    try {
      const { chunks } = await this.read({ afterSeq, signal })
      events.push(...chunks.map((chunk): SequencedEvent => ({ type: 'output', ...chunk })))
    } catch (error) {
      // The server no longer has the process.
      if (!(error instanceof RpcError)) throw error
    }
    return events.sort((one, other) => one.seq - other.seq)
  }

  #taken(reader: Reader, seq: number): void {
    reader.afterSeq = seq
    this.#log.trim()
    this.#progress()
  }

  /** Call after events arrived or were read. */
  #progress(): void {
    if (this.#options.isWindowed) this.#acknowledge()
    else this.#hold()
  }

  /** Without a window the process cannot be throttled, so pause the connection for a slow reader. */
  #hold(): void {
    if (this.isForeign) return
    const { caller, limits } = this.#options
    const behind = this.#log.total - this.#log.taken.total
    if (behind > limits.unreadBytes / 4) this.#isHolding = true
    else if (!this.#isHolding) return
    else if (behind < limits.unreadBytes / 8) this.#isHolding = false
    caller.holdInput(this, this.#isHolding)
  }

  /** Acknowledges, from time to time, what every reader has read, so that the server lets the process continue. */
  #acknowledge(): void {
    const { id, caller, limits } = this.#options
    if (this.#isAcknowledging || this.isOver) return
    const { seq, total } = this.#log.taken
    if (
      total - this.#acknowledged.total < limits.outputWindow / 4 &&
      seq - this.#acknowledged.seq < ACKNOWLEDGED_EVENTS
    )
      return
    this.#acknowledged = { seq, total }
    this.#isAcknowledging = true
    const done = (): void => {
      this.#isAcknowledging = false
      this.#acknowledge()
    }
    // An error means that the process has ended: no acknowledgement needed.
    caller
      .call(Method.ProcessAcknowledge, { processId: id, seq }, { repeatable: true, urgent: true })
      .then(done, () => {})
  }
}

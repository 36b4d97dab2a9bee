/**
 * What is known of one process: its events in order, the latest of them kept, and those who read them. Told by notifications,
 * by the read that follows a resumption, or, where it is another client's, by reads alone.
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

/** A missing event is looked for by a read once it has been awaited so long: notifications overtake each other by far less. */
const GAP_MS = 2000

/** Events that are taken before the server is told, however small they are. */
const ACKNOWLEDGED_EVENTS = 128

export type FeedOptions = {
  id: string
  caller: Caller
  limits: ClientLimits
  /** Whether the server waits to be told what has been taken. */
  isWindowed: boolean
  /** Whether gaps are to be expected: who only reads what is kept may come too late for some of it. */
  mayMiss?: boolean
}

export class ProcessFeed {
  readonly #options: FeedOptions
  readonly #log: EventLog
  readonly #sequencer: Sequencer
  readonly #exited = Promise.withResolvers<Exit>()
  readonly #closed = Promise.withResolvers<void>()
  #isStarted = false
  /** Stands in for the first reader, who may come a little later than the first output. */
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
    // Nobody need ask.
    this.#exited.promise.catch(() => {})
    this.#closed.promise.catch(() => {})
  }

  /** Settles when the process has exited; rejects when that can no longer be known. Who waits for nothing else lets its output go. */
  wait(): Promise<Exit> {
    this.#expectNobody()
    return this.#exited.promise
  }

  /** The server has said that it runs. Until then there is nothing to catch up with. */
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

  /** Whether it is another client's. */
  get isForeign(): boolean {
    return this.#options.mayMiss === true
  }

  /** Whether nothing more will come. */
  get isOver(): boolean {
    return this.#log.closed !== undefined || this.#failure !== undefined
  }

  get lastSeq(): number {
    return this.#sequencer.last
  }

  // ---- what comes ----

  receive(event: SequencedEvent): void {
    if (this.isOver) return
    this.#sequencer.accept(event)
    this.#watchGap()
  }

  /** Nothing will come any more, and not because it has closed. What has come is still read. */
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

  // ---- catching up by reads ----

  /** Takes in all that the server keeps. Throws ProtocolError if something is gone, RpcError if the process is. */
  async catchUp(call: Caller['call']): Promise<void> {
    let result = await this.#readAfter(call, this.#sequencer.last)
    const chunks = [...result.chunks]
    // Up to 0.140 the number that comes next is told by a read that finds nothing.
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
   * Takes a read without a bound in. What is not in it is told by its numbers: the exit has the only one that no chunk has, the close
   * the last.
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
      // Of several the last is nearest: what is gone is the oldest.
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

  // ---- those who read ----

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

  /** What a slow reader has missed here is read from the server, as far as that keeps it. */
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
      // The server has forgotten the process.
      if (!(error instanceof RpcError)) throw error
    }
    return events.sort((one, other) => one.seq - other.seq)
  }

  #taken(reader: Reader, seq: number): void {
    reader.afterSeq = seq
    this.#log.trim()
    this.#progress()
  }

  /** Something came, or was taken. */
  #progress(): void {
    if (this.#options.isWindowed) this.#acknowledge()
    else this.#hold()
  }

  /** Where the process itself cannot be held back, the connection is for a slow reader, as far as that does no harm. */
  #hold(): void {
    if (this.isForeign) return
    const { caller, limits } = this.#options
    const behind = this.#log.total - this.#log.taken.total
    if (behind > limits.unreadBytes / 4) this.#isHolding = true
    else if (!this.#isHolding) return
    else if (behind < limits.unreadBytes / 8) this.#isHolding = false
    caller.holdInput(this, this.#isHolding)
  }

  /** Tells the server what everybody has taken, now and then, so that it lets the process go on. */
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
    // One that ended meanwhile need not be told.
    caller
      .call(Method.ProcessAcknowledge, { processId: id, seq }, { repeatable: true, urgent: true })
      .then(done, () => {})
  }
}

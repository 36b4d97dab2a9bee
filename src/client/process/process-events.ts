/**
 * The events of one process: ordered, buffered, and delivered to its readers. They come from notifications, from the
 * read after a resumption or, for another client's process, from reads alone.
 */
import { Method } from '../../protocol/wire/methods.ts'
import { ProtocolError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Abortable, Exit, ProcessEvent, ReadOptions, ReadResult } from '../base/types.ts'
import { unrefTimer } from '../base/unref-timer.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { acknowledging, throttling } from './backpressure.ts'
import { EventLog } from './event-log.ts'
import { readEvents } from './event-reader.ts'
import type { EventSource } from './event-reader.ts'
import { mergeRead } from './merge-read.ts'
import { readResult } from './process-codec.ts'
import { Sequencer } from './sequencer.ts'
import type { SequencedEvent } from './sequencer.ts'

/** Delay before a missing event is fetched by a read. Notifications overtake each other by far less. */
const GAP_MS = 2000

/** Options of {@link ProcessEvents}. */
export type ProcessEventsOptions = {
  id: string
  rpc: RpcClient
  limits: ClientLimits
  /** Whether the server throttles the process until output is acknowledged. */
  isWindowed: boolean
  /** Whether another client started the process. It is only read then, and evicted events may be missed. */
  isForeign: boolean
  /** Called when somebody wants events. */
  onWanted?: () => void
}

/** The event stream of one process, for any number of readers. */
export class ProcessEvents {
  readonly isForeign: boolean
  readonly #options: ProcessEventsOptions
  readonly #log: EventLog
  readonly #sequencer: Sequencer
  readonly #source: EventSource
  /** Call after events arrived or were read. */
  readonly #onProgress: () => void
  readonly #exited = Promise.withResolvers<Exit>()
  readonly #closed = Promise.withResolvers<void>()
  #isStarted = false
  /** Stands in for the first reader, which may attach after the first output. */
  #expectedReader: { leave: () => void; timer?: ReturnType<typeof setTimeout> } | undefined
  #failure: Error | undefined
  #gapTimer: ReturnType<typeof setTimeout> | undefined

  constructor(options: ProcessEventsOptions) {
    this.#options = options
    this.isForeign = options.isForeign
    const { replayEvents, replayBytes, unreadEvents, unreadBytes, reorderEvents } = options.limits
    const log = new EventLog({
      replay: { events: replayEvents, bytes: replayBytes },
      unread: { events: unreadEvents, bytes: unreadBytes },
    })
    this.#log = log
    this.#sequencer = new Sequencer(reorderEvents, (event) => this.#publish(event))
    this.#onProgress = options.isWindowed
      ? acknowledging({ ...options, log, isOver: () => this.isOver })
      : options.isForeign
        ? () => {}
        : throttling({ ...options, log })
    this.#source = {
      log,
      failure: () => this.#failure,
      read: (read) => this.read(read),
      onJoin: () => {
        this.#stopExpectingReader()
        options.onWanted?.()
      },
      onProgress: this.#onProgress,
    }
    if (!options.isForeign) this.#expectedReader = { leave: log.join({ afterSeq: 0, wake: () => {} }) }
    // Avoid unhandled rejections if nothing awaits them.
    this.#exited.promise.catch(() => {})
    this.#closed.promise.catch(() => {})
  }

  /**
   * Resolves when the process has exited; rejects when its exit can no longer be learned. If there is no reader, unread
   * output is no longer retained.
   */
  wait(): Promise<Exit> {
    this.#stopExpectingReader()
    this.#options.onWanted?.()
    return this.#exited.promise
  }

  /** The server confirmed the start. Before that there is nothing to catch up with. */
  started(): void {
    this.#isStarted = true
    if (this.#expectedReader === undefined) return
    this.#expectedReader.timer = setTimeout(() => this.#stopExpectingReader(), this.#options.limits.firstReaderMs)
    unrefTimer(this.#expectedReader.timer)
  }

  get isStarted(): boolean {
    return this.#isStarted
  }

  #stopExpectingReader(): void {
    if (this.#expectedReader === undefined) return
    clearTimeout(this.#expectedReader.timer)
    this.#expectedReader.leave()
    this.#expectedReader = undefined
    this.#log.trim()
    this.#onProgress()
  }

  get closed(): Promise<void> {
    return this.#closed.promise
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
    this.#onProgress()
  }

  #watchGap(): void {
    if (!this.#sequencer.hasGap) {
      clearTimeout(this.#gapTimer)
      this.#gapTimer = undefined
    } else {
      this.#gapTimer ??= setTimeout(() => {
        this.#gapTimer = undefined
        if (this.isOver) return
        const { rpc } = this.#options
        this.catchUp(rpc.call.bind(rpc)).catch((error: unknown) => this.fail(error as Error))
      }, GAP_MS)
    }
  }

  // ---- reads ----

  /**
   * Reads everything that the server has buffered.
   * @throws {ProtocolError} If events are gone.
   * @throws {RpcError} If the process is.
   */
  async catchUp(call: RpcClient['call']): Promise<void> {
    let result = await this.#readAfter(call, this.#sequencer.last)
    const chunks = [...result.chunks]
    // Servers up to 0.140 report `nextSeq` correctly only in an empty read.
    while (this.#options.rpc.environmentInfo === undefined && result.chunks.length > 0) {
      result = await this.#readAfter(call, (result.chunks.at(-1) as { seq: number }).seq)
      chunks.push(...result.chunks)
    }
    this.merge({ ...result, chunks })
  }

  async #readAfter(call: RpcClient['call'], afterSeq: number): Promise<ReadResult> {
    return readResult(
      await call(
        Method.ProcessRead,
        { processId: this.#options.id, afterSeq, maxBytes: null, waitMs: 0 },
        { repeatable: true },
      ),
    )
  }

  /**
   * Merges a complete read.
   * @throws {ProtocolError} If events are gone, unless the process is another client's.
   */
  merge(result: ReadResult): void {
    if (this.isOver) return
    const sequencer = this.#sequencer
    const hasExited = this.#log.exited !== undefined
    const { events, lost } = mergeRead(result, { last: sequencer.last, has: (seq) => sequencer.has(seq), hasExited })
    if (lost !== undefined) {
      const numbers = `${lost.first} to ${lost.last}`
      if (!this.isForeign)
        throw new ProtocolError(`the server no longer keeps number ${numbers} of process ${this.#options.id}`)
      sequencer.skipTo(lost.last)
    }
    for (const event of events) sequencer.accept(event)
    this.#watchGap()
  }

  async read({ afterSeq = 0, maxBytes, waitMs = 0, signal }: ReadOptions = {}): Promise<ReadResult> {
    if (this.#failure !== undefined) throw this.#failure
    const params = { processId: this.#options.id, afterSeq, maxBytes: maxBytes ?? null, waitMs }
    return readResult(await this.#options.rpc.call(Method.ProcessRead, params, { signal, repeatable: true }))
  }

  /** The events after `afterSeq`, for one more reader. */
  iterate(options: Abortable & { afterSeq?: number } = {}): AsyncGenerator<ProcessEvent, void, undefined> {
    return readEvents(this.#source, options)
  }
}

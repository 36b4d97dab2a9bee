/**
 * One process: its retained output, its sequence numbers, its listener and its pending reads.
 *
 * Every output chunk, the exit and the close take the next sequence number, in the order in which they are retained and
 * sent. `closed` is the last: it comes once the root has exited and every stream has ended. The ring is also the send
 * queue: events up to `#sent` have been sent, or were skipped because no listener was attached. When the client falls
 * behind, the child is paused, so unsent chunks are never dropped.
 */
import type { OutputStream, Signal, TerminalSize, WriteStatus } from '../../protocol/schemas/process.ts'
import { internalError, invalidRequest } from '../../protocol/wire/errors.ts'
import { joined } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { processFrames, readResult } from '../base/json-fragments.ts'
import type { RawJson } from '../base/json-fragments.ts'
import type { Child, ChildEvents } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import type { ProcessObserver, Totals } from '../base/observer.ts'
import type { Evictable, RetainedBudget } from './retained-budget.ts'
import { OutputRing } from './output-ring.ts'
import { wasSandboxDenied } from './sandbox-denied.ts'
import type { ProcessState } from '../base/snapshot.ts'
import type { StdinBudget } from './stdin-budget.ts'
import { StdinQueue } from './stdin-queue.ts'

/**
 * Receives a process's events. `eventsReady` is called for every new event; pull the events with {@link
 * Process.takeEvent}.
 */
export type Listener = { eventsReady(process: Process): void }

/** Dependencies and settings of one {@link Process}. */
export type ProcessOptions = {
  clock: Clock
  limits: Limits
  budget: RetainedBudget
  stdin: StdinBudget
  /** Whether a sandbox was requested: a non-zero exit may then be a sandbox denial. */
  isSandboxed: boolean
  /** Flow-control window: bytes of unacknowledged output above which the child is paused. Absent: no window. */
  outputWindow?: number | undefined
  totals: Totals
  /** Called once, when `closed` has its sequence number. */
  onClosed: () => void
}

/** Upper bound, in bytes, of the JSON around one chunk's base64 in a read result. */
const CHUNK_FRAME_BYTES = 64

/**
 * A started or starting process: numbers and retains its events, applies back-pressure, and handles the requests on it.
 */
export class Process implements Evictable, ChildEvents {
  readonly id: string
  readonly #options: ProcessOptions
  readonly #frames: ReturnType<typeof processFrames>
  readonly #retention: OutputRing
  #child: Child | undefined
  #observer: ProcessObserver | undefined
  #stdin: StdinQueue | undefined

  /** Pieces of one stream that were read in this turn of the event loop. They are joined into one chunk at its end. */
  #pieces: Uint8Array[] = []
  #piecesStream: OutputStream = 'stdout'
  #piecesBytes = 0
  #sealScheduled = false

  #nextSeq = 1
  #sent = 0
  #unsentBytes = 0
  /** Highest acknowledged sequence number; `Infinity` without a window, so that every chunk counts as acknowledged. */
  #acknowledged: number
  #unacknowledgedBytes = 0
  #unacknowledgedChunks = 0
  readonly #window: number
  #paused = false

  /** Exit code from the host, and the exit event's sequence number once it has one. */
  #exitCode: number | undefined
  #exitSeq: number | undefined
  #sandboxDenied = false
  #closedSeq: number | undefined
  #streamsEnded = false
  #terminated = false
  /** Set during a termination's grace period: cancels the SIGKILL that ends it. */
  #cancelKill: (() => void) | undefined
  #watchingStrays = false
  #disposed = false
  #lastOutputAt = 0
  #outputBytes = 0
  #resumedAt = 0

  #listener: Listener | undefined
  /** False until the response to process/start has been queued; events wait for that. */
  #announced = false
  readonly #waiters = new Set<() => void>()

  constructor(id: string, options: ProcessOptions) {
    this.id = id
    this.#options = options
    this.#frames = processFrames(id)
    const { retainedPerProcess, chunksPerProcess, chunkOverhead } = options.limits
    this.#window = Math.min(options.outputWindow ?? Infinity, retainedPerProcess)
    this.#acknowledged = options.outputWindow === undefined ? Infinity : 0
    this.#retention = new OutputRing({ bytes: retainedPerProcess, chunks: chunksPerProcess, chunkOverhead })
    options.budget.add(this)
  }

  /** Attaches the spawned child. `observer` receives the lifecycle events of this start. */
  started(child: Child, observer?: ProcessObserver): void {
    this.#child = child
    this.#observer = observer
    this.#stdin = new StdinQueue(child, this.#options.limits, this.#options.totals, this.#options.stdin)
  }

  get disposed(): boolean {
    return this.#disposed
  }

  /** Process id of the root, or of its sandbox process; undefined until it has started. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Exit code of the root, once it has exited. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }

  get state(): ProcessState {
    return this.closed ? 'closed' : this.#exitCode === undefined ? 'running' : 'exited'
  }

  /** Bytes of stdin queued or held back, which the child has not read. */
  get stdinBytes(): number {
    return this.#stdin?.bytes ?? 0
  }

  /** Whether the root has exited and all output has ended. */
  get closed(): boolean {
    return this.#closedSeq !== undefined
  }

  /** Whether the process has closed and every event has been sent, or skipped for want of a listener. */
  get delivered(): boolean {
    return this.closed && this.#sent === this.#nextSeq - 1
  }

  // ---- events from the child ----

  output(stream: OutputStream, bytes: Uint8Array): void {
    if (this.#disposed || bytes.length === 0) return
    this.#lastOutputAt = this.#options.clock.now()
    this.#outputBytes += bytes.length
    this.#options.totals.outputRead += bytes.length
    const { chunkBytes } = this.#options.limits
    if (this.#piecesBytes > 0 && (stream !== this.#piecesStream || this.#piecesBytes + bytes.length > chunkBytes))
      this.#seal()
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const piece = bytes.length <= chunkBytes ? bytes : bytes.subarray(at, at + chunkBytes)
      this.#piecesStream = stream
      this.#pieces.push(piece)
      this.#piecesBytes += piece.length
      if (this.#piecesBytes >= chunkBytes) this.#seal()
    }
    this.#scheduleSeal()
    this.#balance()
  }

  exited(code: number): void {
    if (this.#disposed) return
    this.#exitCode = code
    this.#observer?.exited(code)
    if (this.#terminated) this.#watchStrays()
    if (this.#streamsEnded) return this.#finish()
    const { clock, isSandboxed, limits } = this.#options
    // Nothing outlives a sandbox, so the remaining output follows shortly and may contain the denial's message.
    if (isSandboxed && code !== 0) clock.after(limits.strayQuietMs, () => this.#numberExit())
    // Output written before the exit is often still unread in this turn of the event loop and the next.
    else clock.soon(() => clock.soon(() => this.#numberExit()))
  }

  ended(): void {
    if (this.#disposed) return
    this.#streamsEnded = true
    if (this.#exitCode !== undefined) this.#finish()
  }

  stdinMoved(): void {
    this.#stdin?.moved()
  }

  #finish(): void {
    if (this.#closedSeq !== undefined) return
    this.#numberExit()
    // Output that followed the exit event in this same turn.
    this.#seal()
    this.#closedSeq = this.#nextSeq++
    this.#tellEnd(false)
    this.#stdin?.close()
    this.#options.budget.ended(this)
    this.#tell()
    this.#options.onClosed()
  }

  #tellEnd(killed: boolean): void {
    this.#observer?.ended({ exitCode: this.#exitCode, outputBytes: this.#outputBytes, killed })
    this.#observer = undefined
  }

  #numberExit(): void {
    if (this.#exitSeq !== undefined || this.#disposed) return
    this.#seal()
    const { isSandboxed } = this.#options
    this.#sandboxDenied =
      isSandboxed && wasSandboxDenied(this.#exitCode as number, () => this.#retention.read(0, Infinity))
    this.#exitSeq = this.#nextSeq++
    this.#tell()
  }

  // ---- joining pieces into chunks ----

  #scheduleSeal(): void {
    if (this.#sealScheduled || this.#piecesBytes === 0) return
    this.#sealScheduled = true
    this.#options.clock.soon(() => {
      this.#sealScheduled = false
      this.#seal()
    })
  }

  #seal(): void {
    if (this.#piecesBytes === 0) return
    const [only] = this.#pieces
    const keep = this.#pieces.length === 1 && only !== undefined && isCompact(only)
    const bytes = keep ? only : joined(this.#pieces, this.#piecesBytes)
    this.#pieces = []
    this.#piecesBytes = 0
    const before = this.#retention.cost
    // A chunk that was acknowledged after process/read but is still to be sent must stay.
    const droppable = Math.min(this.#acknowledged, this.#sent)
    this.#retention.append({ seq: this.#nextSeq++, stream: this.#piecesStream, bytes }, droppable)
    this.#unsentBytes += bytes.length
    this.#unacknowledgedBytes += bytes.length
    this.#unacknowledgedChunks++
    this.#tell()
    this.#options.budget.charge(this.#retention.cost - before)
  }

  /** Notifies the listener and the pending reads. Without a listener, new events count as sent. */
  #tell(): void {
    if (this.#listener !== undefined) this.#listener.eventsReady(this)
    else if (this.#announced) this.#passUnsent()
    for (const wake of [...this.#waiters]) wake()
  }

  /** Pauses the child while its client is behind; resumes it once the client has caught up. */
  #balance(): void {
    const pause = this.#isSendingBehind || this.#isWindowPassed
    if (pause === this.#paused) return
    this.#paused = pause
    if (pause) return this.#child?.pause()
    this.#resumedAt = this.#options.clock.now()
    this.#child?.resume()
  }

  get #isSendingBehind(): boolean {
    const unsent = this.#unsentBytes + this.#piecesBytes
    const awaited = this.#listener !== undefined || !this.#announced
    const { unsentPerProcess, unsentChunks } = this.#options.limits
    const behind =
      unsent > unsentPerProcess || this.#nextSeq - this.#sent > unsentChunks || this.#options.budget.exhausted
    return awaited && unsent > 0 && behind
  }

  /**
   * Whether the window is full. Unacknowledged output cannot be dropped to make room, so this applies with and without
   * a listener. When the shared budget is exhausted the window is halved: a client that acknowledges every quarter
   * never stalls.
   */
  get #isWindowPassed(): boolean {
    if (!this.#isWindowed) return false
    const share = this.#options.budget.exhausted ? 0.5 : 1
    const bytes = this.#unacknowledgedBytes + this.#piecesBytes
    return (
      bytes > this.#window * share || this.#unacknowledgedChunks > this.#options.limits.unacknowledgedChunks * share
    )
  }

  get #isWindowed(): boolean {
    return this.#acknowledged !== Infinity
  }

  /** Records that the client has processed everything up to and including `seq`. */
  acknowledge(seq: number): void {
    if (!this.#isWindowed) return
    const upTo = Math.min(seq, this.#nextSeq - 1)
    let at = this.#acknowledged
    for (
      let chunk = this.#retention.after(at);
      chunk !== undefined && chunk.seq <= upTo;
      chunk = this.#retention.after(at)
    ) {
      at = chunk.seq
      this.#unacknowledgedBytes -= chunk.bytes.length
      this.#unacknowledgedChunks--
    }
    this.#acknowledged = Math.max(this.#acknowledged, upTo)
    this.#balance()
  }

  // ---- listener ----

  /**
   * Called once the response to process/start has been queued: sends events to `listener`, from the first on, if there
   * is one.
   */
  announce(listener: Listener | undefined): void {
    this.#announced = true
    this.#listener = listener
    if (listener !== undefined) listener.eventsReady(this)
    else this.detach()
  }

  /** Sends later events to `listener`; earlier ones are available through process/read. */
  attach(listener: Listener): void {
    this.#seal()
    this.#passUnsent()
    this.#listener = listener
  }

  /** Removes the listener. Events count as sent until another one attaches. */
  detach(): void {
    this.#listener = undefined
    this.#passUnsent()
    this.#balance()
  }

  #passUnsent(): void {
    this.#sent = this.#nextSeq - 1
    this.#unsentBytes = 0
  }

  /** Takes the next unsent event as a notification; undefined if there is none. */
  takeEvent(): RawJson | string | undefined {
    const seq = this.#sent + 1
    if (seq >= this.#nextSeq) return undefined
    this.#sent = seq
    if (seq === this.#exitSeq) return this.#frames.exited(seq, this.#exitCode as number, this.#sandboxDenied)
    if (seq === this.#closedSeq) return this.#frames.closed(seq)
    const chunk = this.#retention.after(seq - 1)
    if (chunk?.seq !== seq) throw new Error(`process ${this.id}: unsent chunk ${seq} is gone`)
    this.#unsentBytes -= chunk.bytes.length
    this.#options.totals.outputSent += chunk.bytes.length
    this.#balance()
    return this.#frames.output(chunk)
  }

  // ---- process/read ----

  /** Whether a read after `seq` returns at once: there is output, an exit or a close after it. */
  hasNewsAfter(seq: number): boolean {
    if (this.closed || this.#retention.after(seq) !== undefined) return true
    return this.#exitSeq !== undefined && seq < this.#nextSeq - 1
  }

  /** Approximate upper bound, in bytes, of the result of a read. */
  readBytes(afterSeq: number): number {
    if (this.#retention.after(afterSeq) === undefined) return 0
    return Math.ceil((this.#retention.bytes * 4) / 3) + this.#retention.length * CHUNK_FRAME_BYTES
  }

  /**
   * Builds the result of process/read: the chunks after `afterSeq`, up to `maxBytes` bytes of output (at least one
   * chunk).
   */
  read(afterSeq: number, maxBytes: number | undefined): RawJson {
    this.#seal()
    const chunks = this.#retention.read(afterSeq, maxBytes ?? Infinity)
    const last = chunks.at(-1)
    const nextSeq = maxBytes === undefined || last === undefined ? this.#nextSeq : last.seq + 1
    const exited = this.#exitSeq !== undefined
    return readResult(chunks, {
      nextSeq,
      exited,
      exitCode: exited ? (this.#exitCode as number) : null,
      closed: this.closed,
      sandboxDenied: this.#sandboxDenied,
    })
  }

  /** Calls `wake` on every event. Returns a function that unsubscribes. */
  watch(wake: () => void): () => void {
    this.#seal()
    this.#waiters.add(wake)
    return () => this.#waiters.delete(wake)
  }

  // ---- process/write, signal, terminate ----

  /**
   * Writes to stdin. A promise means that the response is held back until the child reads; `onWait` is called first.
   * With a `writeId`, a retry gets the status of the first attempt.
   * @throws -32603 after termination, -32001 when stdin is full.
   */
  write(
    bytes: Uint8Array,
    writeId: string | null | undefined,
    onWait?: () => void,
  ): WriteStatus | Promise<WriteStatus> {
    if (this.#terminated) throw internalError('failed to write to process stdin: the process was terminated')
    return this.#stdin?.write(bytes, writeId, onWait) ?? 'stdinClosed'
  }

  /**
   * Ends stdin behind what is queued.
   * @throws -32600 for a terminal.
   */
  closeStdin(): WriteStatus {
    if (this.#child?.endStdin === undefined)
      throw invalidRequest('stdin is a terminal, which has no end of file: write 0x04 to it')
    return this.#stdin?.end() ?? 'stdinClosed'
  }

  /**
   * Resizes the terminal.
   * @throws -32600 if the process has none.
   */
  resize(size: TerminalSize): void {
    if (this.#child?.resize === undefined) throw invalidRequest('the process has no terminal')
    this.#child.resize(size)
  }

  /** Sends a signal to the process group; does nothing after the root has exited. */
  signal(signal: Signal): void {
    if (this.#exitCode === undefined) this.#child?.signal(signal)
  }

  /**
   * Kills the process and everything it started, including background children that hold its output open after it has
   * exited. With `graceMs` (milliseconds), SIGTERM is sent first and SIGKILL follows; a second call may shorten the
   * grace.
   *
   * A closed process is left alone, with whatever it deliberately left running, unless a grace is given: that asks for
   * all of its descendants to end. Returns whether the root was running.
   */
  terminate(graceMs = 0): boolean {
    if (this.closed && graceMs === 0) return false
    const running = this.#exitCode === undefined
    const isFirst = this.#cancelKill === undefined
    this.#cancelKill?.()
    this.#cancelKill = undefined
    if (graceMs === 0) {
      this.#kill()
    } else if (!this.#terminated) {
      if (isFirst) this.#child?.terminate()
      this.#cancelKill = this.#options.clock.after(graceMs, () => this.#kill())
    }
    return running
  }

  #kill(): void {
    this.#cancelKill = undefined
    this.#terminated = true
    this.#child?.kill()
    if (this.#exitCode !== undefined && !this.closed) this.#watchStrays()
  }

  /**
   * A descendant that left the process group may hold the streams open for ever. After termination, abandons them once
   * they are silent for `strayQuietMs`, at the latest after `strayTotalMs` unpaused.
   */
  #watchStrays(): void {
    if (this.#watchingStrays) return
    this.#watchingStrays = true
    const { clock, limits } = this.#options
    const since = clock.now()
    // Silence while reading is paused, or just after, says nothing about the stream.
    let unpausedMs = 0
    const look = (): void => {
      if (this.#streamsEnded || this.#disposed) return
      if (!this.#paused) unpausedMs += limits.strayQuietMs
      const silent = clock.now() - Math.max(this.#lastOutputAt, this.#resumedAt, since) >= limits.strayQuietMs
      if (!this.#paused && (silent || unpausedMs >= limits.strayTotalMs)) this.#child?.abandon()
      else clock.after(limits.strayQuietMs, look)
    }
    clock.after(limits.strayQuietMs, look)
  }

  /** Kills what still runs and releases all resources. The host still reaps the child. */
  dispose(): void {
    if (this.#disposed) return
    const isToBeKilled = this.#cancelKill !== undefined
    this.#cancelKill?.()
    if (!this.closed || isToBeKilled) this.#child?.kill()
    if (!this.closed) this.#child?.abandon()
    this.#disposed = true
    this.#tellEnd(true)
    this.#child?.forget()
    this.#stdin?.close()
    this.#pieces = []
    this.#piecesBytes = 0
    this.#listener = undefined
    for (const wake of [...this.#waiters]) wake()
    this.#options.budget.remove(this)
  }

  // ---- retained budget ----

  dropOldest(): number {
    const chunk = this.#retention.oldest
    return chunk === undefined || chunk.seq > this.#acknowledged ? 0 : this.dropUnacknowledged()
  }

  dropUnacknowledged(): number {
    const chunk = this.#retention.oldest
    if (chunk === undefined || chunk.seq > this.#sent) return 0
    const before = this.#retention.cost
    this.#retention.dropOldest()
    return before - this.#retention.cost
  }

  dropAll(): number {
    const before = this.#retention.cost
    this.#retention.clear()
    return before
  }
}

/**
 * Whether a view may be retained without a copy: a few bytes of a large read buffer would keep the whole buffer alive.
 */
function isCompact(bytes: Uint8Array): boolean {
  return bytes.length * 2 >= bytes.buffer.byteLength
}

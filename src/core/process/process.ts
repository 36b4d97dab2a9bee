/**
 * One process: its retained output, its sequence numbers, and who waits for them.
 *
 * Every output chunk, the exit and the close take the next number, in the order in which they are
 * retained and sent; `closed` is the last, once the root has exited and every stream has ended. The ring
 * is also the queue of what a client has still to be sent: numbers up to `#sent` have gone out, or passed
 * while nobody listened. A child whose client falls behind is paused, so unsent chunks are never dropped.
 */
import type { OutputStream, Signal, TerminalSize, WriteStatus } from '../../protocol/schemas/process.ts'
import { internalError, invalidRequest } from '../../protocol/wire/errors.ts'
import { joined } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { processFrames, readResult } from '../base/json-fragments.ts'
import type { RawJson } from '../base/json-fragments.ts'
import type { Child, ChildEvents } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import type { Run, Totals } from '../base/observer.ts'
import type { Holder, RetainedBudget } from './retained-budget.ts'
import { OutputRing } from './output-ring.ts'
import { wasSandboxDenied } from './sandbox-denied.ts'
import type { ProcessState } from '../base/snapshot.ts'
import type { StdinBudget } from './stdin-budget.ts'
import { StdinQueue } from './stdin-queue.ts'

/** Who is told of new events. `eventsReady` is called again for every event; `takeEvent` hands them out. */
export type Listener = { eventsReady(process: Process): void }

export type ProcessOptions = {
  clock: Clock
  limits: Limits
  budget: RetainedBudget
  stdin: StdinBudget
  /** Whether a sandbox was asked for: then a failure may be its doing. */
  isConfined: boolean
  /** Bytes of output that may be there without having been acknowledged, beyond which the child is held back, come what may. */
  outputWindow?: number | undefined
  totals: Totals
  /** Called once, when `closed` has been numbered. */
  onClosed: () => void
}

/** What stands around the base64 of one chunk in the answer to a read, at most. */
const CHUNK_FRAME_BYTES = 64

export class Process implements Holder, ChildEvents {
  readonly id: string
  readonly #options: ProcessOptions
  readonly #frames: ReturnType<typeof processFrames>
  readonly #retention: OutputRing
  #child: Child | undefined
  #run: Run | undefined
  #stdin: StdinQueue | undefined

  /** Pieces of one stream read in this turn of the loop, which become one chunk at its end. */
  #pieces: Uint8Array[] = []
  #piecesStream: OutputStream = 'stdout'
  #piecesBytes = 0
  #sealScheduled = false

  #nextSeq = 1
  #sent = 0
  #unsentBytes = 0
  /** Numbers up to this have been acknowledged. Without a window all are that, as soon as there are any. */
  #acknowledged: number
  #unacknowledgedBytes = 0
  #unacknowledgedChunks = 0
  readonly #window: number
  #paused = false

  /** The exit as the host told it, and its number once it has one. */
  #exitCode: number | undefined
  #exitSeq: number | undefined
  #sandboxDenied = false
  #closedSeq: number | undefined
  #streamsEnded = false
  #terminated = false
  /** Set while a process has been asked to end: the kill that follows, whatever it has done meanwhile. */
  #cancelKill: (() => void) | undefined
  #watchingStrays = false
  #disposed = false
  #lastOutputAt = 0
  #outputBytes = 0
  #resumedAt = 0

  #listener: Listener | undefined
  /** Until the answer to process/start is on its way, events wait for it. */
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

  /** `run` is told how it goes on. */
  started(child: Child, run?: Run): void {
    this.#child = child
    this.#run = run
    this.#stdin = new StdinQueue(child, this.#options.limits, this.#options.totals, this.#options.stdin)
  }

  get disposed(): boolean {
    return this.#disposed
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Of the root, once it has exited. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }

  get state(): ProcessState {
    return this.closed ? 'closed' : this.#exitCode === undefined ? 'running' : 'exited'
  }

  /** Stdin bytes that the child has not taken. */
  get stdinBytes(): number {
    return this.#stdin?.bytes ?? 0
  }

  get closed(): boolean {
    return this.#closedSeq !== undefined
  }

  /** Whether it is over, and its listener, if it has one, was sent all of it. */
  get delivered(): boolean {
    return this.closed && this.#sent === this.#nextSeq - 1
  }

  // ---- what the child tells ----

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
    this.#run?.exited(code)
    if (this.#terminated) this.#watchStrays()
    if (this.#streamsEnded) return this.#finish()
    const { clock, isConfined, limits } = this.#options
    // Nobody outlives a sandbox, so the rest of its output is on its way, and may tell of a denial.
    if (isConfined && code !== 0) clock.after(limits.strayQuietMs, () => this.#numberExit())
    // Output that the child wrote before it exited is often still to be read in this turn or the next.
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
    // Output that came after the exit had its number, and in this turn.
    this.#seal()
    this.#closedSeq = this.#nextSeq++
    this.#tellEnd(false)
    this.#stdin?.close()
    this.#options.budget.ended(this)
    this.#tell()
    this.#options.onClosed()
  }

  #tellEnd(killed: boolean): void {
    this.#run?.ended({ exitCode: this.#exitCode, outputBytes: this.#outputBytes, killed })
    this.#run = undefined
  }

  #numberExit(): void {
    if (this.#exitSeq !== undefined || this.#disposed) return
    this.#seal()
    const { isConfined } = this.#options
    this.#sandboxDenied =
      isConfined && wasSandboxDenied(this.#exitCode as number, () => this.#retention.read(0, Infinity))
    this.#exitSeq = this.#nextSeq++
    this.#tell()
  }

  // ---- from pieces to chunks ----

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
    // Acknowledged by one who has read it, and yet to be sent, it is still wanted.
    const droppable = Math.min(this.#acknowledged, this.#sent)
    this.#retention.append({ seq: this.#nextSeq++, stream: this.#piecesStream, bytes }, droppable)
    this.#unsentBytes += bytes.length
    this.#unacknowledgedBytes += bytes.length
    this.#unacknowledgedChunks++
    this.#tell()
    this.#options.budget.charge(this.#retention.cost - before)
  }

  /** Tells whoever listens or waits that there is something new; with nobody to listen it counts as sent. */
  #tell(): void {
    if (this.#listener !== undefined) this.#listener.eventsReady(this)
    else if (this.#announced) this.#passUnsent()
    for (const wake of [...this.#waiters]) wake()
  }

  /** Pauses a child whose client is behind, and lets it go on when the client has caught up. */
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
   * Whether somebody listens or not: what has not been acknowledged cannot be dropped to make room for more. Where there is none
   * for anybody half of it must do, of which a client that acknowledges every quarter never comes to a standstill.
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

  /** The client has taken everything up to that number. */
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

  // ---- the listener's side ----

  /** The answer to process/start is on its way: events go to `listener` from the first on, if there is one. */
  announce(listener: Listener | undefined): void {
    this.#announced = true
    this.#listener = listener
    if (listener !== undefined) listener.eventsReady(this)
    else this.detach()
  }

  /** Events from now on go to `listener`; earlier ones are for process/read. */
  attach(listener: Listener): void {
    this.#seal()
    this.#passUnsent()
    this.#listener = listener
  }

  detach(): void {
    this.#listener = undefined
    this.#passUnsent()
    this.#balance()
  }

  #passUnsent(): void {
    this.#sent = this.#nextSeq - 1
    this.#unsentBytes = 0
  }

  /** The next event that has not been sent, as a message. */
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

  hasNewsAfter(seq: number): boolean {
    if (this.closed || this.#retention.after(seq) !== undefined) return true
    return this.#exitSeq !== undefined && seq < this.#nextSeq - 1
  }

  /** About how large the answer to a read is, at most. */
  readBytes(afterSeq: number): number {
    if (this.#retention.after(afterSeq) === undefined) return 0
    return Math.ceil((this.#retention.bytes * 4) / 3) + this.#retention.length * CHUNK_FRAME_BYTES
  }

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

  /** Calls `wake` at every event, until the returned function is called. */
  watch(wake: () => void): () => void {
    this.#seal()
    this.#waiters.add(wake)
    return () => this.#waiters.delete(wake)
  }

  // ---- process/write, signal, terminate ----

  /** Calls `onWait` before the answer is held back. */
  write(
    bytes: Uint8Array,
    writeId: string | null | undefined,
    onWait?: () => void,
  ): WriteStatus | Promise<WriteStatus> {
    if (this.#terminated) throw internalError('failed to write to process stdin: the process was terminated')
    return this.#stdin?.write(bytes, writeId, onWait) ?? 'stdinClosed'
  }

  /** End of file on stdin. */
  closeStdin(): WriteStatus {
    if (this.#child?.endStdin === undefined)
      throw invalidRequest('stdin is a terminal, which has no end of file: write 0x04 to it')
    return this.#stdin?.end() ?? 'stdinClosed'
  }

  resize(size: TerminalSize): void {
    if (this.#child?.resize === undefined) throw invalidRequest('the process has no terminal')
    this.#child.resize(size)
  }

  signal(signal: Signal): void {
    if (this.#exitCode === undefined) this.#child?.signal(signal)
  }

  /**
   * Kills the process and all that it started: the root, or the background children that hold its output after it has exited.
   * With a grace they are asked first, and have so many milliseconds; a second call may shorten it.
   * A closed process is over, and what it left running on purpose is left alone, unless a grace is given: who asks so wants nothing of it
   * left. Returns whether the root was running.
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

  /** A process that left the group may hold the streams for ever; after terminate they are given up once they fall silent. */
  #watchStrays(): void {
    if (this.#watchingStrays) return
    this.#watchingStrays = true
    const { clock, limits } = this.#options
    const since = clock.now()
    // While paused, and just after, silence is ours and not the stream's.
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

  /** Kills what runs and lets go of everything. The host still reaps the child. */
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

  // ---- the budget's side ----

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

/** Whether a view may be kept as it is. A few bytes of a large read buffer would keep all of it. */
function isCompact(bytes: Uint8Array): boolean {
  return bytes.length * 2 >= bytes.buffer.byteLength
}

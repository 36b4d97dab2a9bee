/**
 * One process, from its start until it is disposed of: joins the child to its stdin, its {@link OutputLog} and its
 * clients. A process closes once the root has exited and every stream has ended.
 */
import type { OutputStream, Signal, TerminalSize, WriteStatus } from '../../protocol/schemas/process.ts'
import { internalError, invalidRequest } from '../../protocol/wire/errors.ts'
import type { Child, ChildEvents } from '../base/host.ts'
import type { ProcessObserver, Totals } from '../base/observer.ts'
import type { ProcessState } from '../base/snapshot.ts'
import { OutputLog } from '../output/output-log.ts'
import type { OutputLogOptions } from '../output/output-log.ts'
import { ProcessEvents } from './process-events.ts'
import { wasSandboxDenied } from './sandbox-denied.ts'
import type { StdinBudget } from './stdin-budget.ts'
import { StdinQueue } from './stdin-queue.ts'
import { TerminalScreen } from '../output/terminal-screen.ts'
import type { DrawnScreen, TerminalScreenOptions } from '../output/terminal-screen.ts'
import { Termination } from './termination.ts'

/** Dependencies and settings of one {@link Process}. */
export type ProcessOptions = OutputLogOptions & {
  stdin: StdinBudget
  /** Whether a sandbox was requested: a non-zero exit may then be a sandbox denial. */
  isSandboxed: boolean
  totals: Totals
  /** How the screens of terminals are drawn. */
  screens?: ScreenOptions
  /** Called when the root has exited. */
  onExited?: (() => void) | undefined
  /** Called once, when `closed` has its sequence number. */
  onClosed: () => void
}

/** What all screens of a server have in common. */
export type ScreenOptions = Pick<TerminalScreenOptions, 'open' | 'count' | 'report'>

/** The size of a terminal unless its client gives one. */
const DEFAULT_SIZE: TerminalSize = { rows: 24, columns: 80 }

/** What a process's log offers beside its events. */
export type RetainedViews = Pick<OutputLog, 'ends' | 'logs' | 'record' | 'lastSeq' | 'outputBytes' | 'sandboxDenied'>

/** A starting, running or ended process. */
export class Process implements ChildEvents {
  readonly id: string
  /** Its events, for those who listen to them or read them. */
  readonly events: ProcessEvents
  readonly #options: ProcessOptions
  readonly #log: OutputLog
  readonly #startup = Promise.withResolvers<void>()
  #isCancelled = false
  #child: Child | undefined
  #observer: ProcessObserver | undefined
  #stdin: StdinQueue | undefined
  #termination: Termination | undefined
  #screen: TerminalScreen | undefined
  #exitedAtMs: number | undefined

  #exitCode: number | undefined
  #haveStreamsEnded = false
  #isDisposed = false

  constructor(id: string, options: ProcessOptions) {
    this.id = id
    this.#options = options
    this.#log = new OutputLog(id, options, (chunk) => {
      this.events.notify()
      this.#screen?.added(chunk)
    })
    this.events = new ProcessEvents(this.#log, (isPaused) => this.#pause(isPaused))
  }

  // ---- state ----

  /** `starting` until {@link started} is called; the other states are those of the child. */
  get state(): ProcessState {
    if (this.#child === undefined) return 'starting'
    return this.closed ? 'closed' : this.#exitCode === undefined ? 'running' : 'exited'
  }

  /** Settles once the process runs or has failed to start. Never rejects. */
  get startup(): Promise<void> {
    return this.#startup.promise
  }

  /** Whether it was terminated before it started, so that it must not run. */
  get cancelled(): boolean {
    return this.#isCancelled
  }

  /** Whether it has ever run. */
  get wasStarted(): boolean {
    return this.#child !== undefined
  }

  /** Process id of the root, or of its sandbox process; undefined until it has started. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Exit code of the root, once it has exited. */
  get exitCode(): number | undefined {
    return this.#exitCode
  }

  /** When the root exited, in milliseconds since the epoch. */
  get exitedAtMs(): number | undefined {
    return this.#exitedAtMs
  }

  /** Its output beyond the events. */
  get retained(): RetainedViews {
    return this.#log
  }

  /** Bytes of stdin queued or held back, which the child has not read. */
  get stdinBytes(): number {
    return this.#stdin?.bytes ?? 0
  }

  /** Whether the root has exited and all output has ended. */
  get closed(): boolean {
    return this.#log.isClosed
  }

  get disposed(): boolean {
    return this.#isDisposed
  }

  // ---- events from the host ----

  /**
   * Attaches the spawned child. `observer` receives the lifecycle events of this start; `terminalSize` is absent for the
   * default.
   */
  started(child: Child, observer?: ProcessObserver, terminalSize: TerminalSize = DEFAULT_SIZE): void {
    this.#child = child
    this.#observer = observer
    const { clock, limits, totals, stdin, screens } = this.#options
    // Only terminals can be resized.
    if (child.resize !== undefined && screens !== undefined) {
      const hold = (): (() => void) => this.events.hold()
      this.#screen = new TerminalScreen({ ...screens, output: this.#log, hold, size: terminalSize, clock, limits })
    }
    this.#stdin = new StdinQueue(child, limits, totals, stdin)
    this.#termination = new Termination(child, clock, limits, {
      isOver: () => this.#haveStreamsEnded || this.#isDisposed,
      isPaused: () => this.events.isPaused,
    })
    this.#startup.resolve()
  }

  output(stream: OutputStream, bytes: Uint8Array): void {
    if (this.#isDisposed || bytes.length === 0) return
    this.#termination?.active()
    this.#log.append(stream, bytes)
    this.events.balance()
  }

  exited(code: number): void {
    if (this.#isDisposed) return
    this.#exitCode = code
    this.#exitedAtMs = Date.now()
    this.#observer?.exited(code)
    this.#options.onExited?.()
    this.#termination?.exited()
    if (this.#haveStreamsEnded) return this.#close()
    const { clock, isSandboxed, limits } = this.#options
    // Nothing outlives a sandbox, so the remaining output follows shortly and may contain the denial's message.
    if (isSandboxed && code !== 0) clock.after(limits.strayQuietMs, () => this.#addExit(code))
    // Output written before the exit is often still unread in this turn of the event loop and the next.
    else clock.soon(() => clock.soon(() => this.#addExit(code)))
  }

  ended(): void {
    if (this.#isDisposed) return
    this.#haveStreamsEnded = true
    if (this.#exitCode !== undefined) this.#close()
  }

  stdinMoved(): void {
    this.#stdin?.moved()
  }

  #addExit(code: number): void {
    if (this.#log.hasExit || this.#isDisposed) return
    const sandboxDenied = this.#options.isSandboxed && wasSandboxDenied(code, () => this.#log.retained())
    this.#log.addExit(code, sandboxDenied)
    this.events.notify()
  }

  #close(): void {
    if (this.closed) return
    this.#addExit(this.#exitCode as number)
    this.#log.addClose()
    this.#reportEnd(false)
    this.#stdin?.close()
    this.events.notify()
    this.#screen?.over()
    this.#options.onClosed()
  }

  #pause(isPaused: boolean): void {
    if (isPaused) return this.#child?.pause()
    this.#termination?.active()
    this.#child?.resume()
  }

  #reportEnd(killed: boolean): void {
    this.#observer?.ended({ exitCode: this.#exitCode, outputBytes: this.#log.outputBytes, killed })
    this.#observer = undefined
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
    if (this.#termination?.isKilled) throw internalError('failed to write to process stdin: the process was terminated')
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
    this.#log.seal()
    this.#screen?.resized(size)
  }

  /**
   * Draws what the terminal shows; undefined without a terminal, and for one that is too large.
   * @throws -32001 if too many screens are drawn
   */
  async drawScreen(): Promise<DrawnScreen | undefined> {
    this.#log.seal()
    return this.#screen?.snapshot()
  }

  /** Sends a signal to the process group; does nothing after the root has exited. */
  signal(signal: Signal): void {
    if (this.#exitCode === undefined) this.#child?.signal(signal)
  }

  /**
   * Kills the process and everything it started, including background children that hold its output open after it has
   * exited. With `graceMs` (milliseconds), SIGTERM is sent first and SIGKILL follows; a second call may shorten the
   * grace. A process that is still starting is only marked as {@link cancelled}.
   *
   * A closed process is left alone, with whatever it deliberately left running, unless a grace is given: that asks for
   * all of its descendants to end. Returns whether the root was running or starting.
   */
  terminate(graceMs = 0): boolean {
    if (this.#termination === undefined) {
      this.#isCancelled = true
      return true
    }
    if (this.closed && graceMs === 0) return false
    const isRunning = this.#exitCode === undefined
    this.#termination.request(graceMs)
    return isRunning
  }

  /** Kills what still runs and releases all resources. The host still reaps the child. */
  dispose(): void {
    if (this.#isDisposed) return
    const isToBeKilled = this.#termination?.cancel() ?? false
    if (!this.closed || isToBeKilled) this.#child?.kill()
    if (!this.closed) this.#child?.abandon()
    this.#isDisposed = true
    this.#startup.resolve()
    this.#reportEnd(true)
    this.#child?.forget()
    this.#stdin?.close()
    this.#screen?.dispose()
    this.events.dispose()
    this.#log.dispose()
  }
}

/**
 * The screen of one terminal, drawn only when it is asked for, or before output that it needs is dropped.
 *
 * The ring is the buffer between the output and the emulator: as long as the ring holds everything, nothing is drawn.
 * Once half a ring is undrawn, it is drawn in slices, with pauses. A program that draws a screen is far slower than
 * that. One that floods would overtake the emulator: nothing is drawn before it slows down. Then what the ring has
 * dropped is skipped, and the screen counts as incomplete. So a flood costs next to nothing, and memory stays that of
 * the ring.
 */
import { overloaded } from '../../protocol/wire/errors.ts'
import type { TerminalSize } from '../../protocol/schemas/process.ts'
import type { ScreenSnapshot } from '../../protocol/schemas/runs.ts'
import type { Chunk } from '../base/chunk.ts'
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Screen } from '../base/screen.ts'
import { FloodWatch } from './flood-watch.ts'

/** Counts the emulators of a server. */
export type ScreenCount = { open: number }

/** The output to draw. */
export type DrawableOutput = {
  /** The first retained chunk after `seq`. */
  after(seq: number): Chunk | undefined
  /** Sequence number of the last chunk that is no longer retained. */
  readonly lastDropped: number
}

/** What a terminal shows, once the chunk with that number has been drawn. */
export type DrawnScreen = { screen: ScreenSnapshot; seq: number }

/** Dependencies of a {@link TerminalScreen}. */
export type TerminalScreenOptions = {
  output: DrawableOutput
  /** Holds output back until the returned function is called. */
  hold: () => () => void
  size: TerminalSize
  open: (size: TerminalSize) => Promise<Screen>
  count: ScreenCount
  clock: Clock
  limits: Limits
  report: (fault: unknown) => void
}

/** The screen of one process. */
export class TerminalScreen {
  readonly #options: TerminalScreenOptions
  /** Sizes that the terminal took, each once the chunk with that number was there; oldest first. */
  #resizes: { afterSeq: number; size: TerminalSize }[] = []
  /** Size as of the last drawn chunk. */
  #size: TerminalSize
  #screen: Screen | undefined
  /** Number of the last chunk that was drawn or skipped, and of the last one that there is. */
  #drawn = 0
  #last = 0
  #undrawnBytes = 0
  #isComplete = true
  #isDisposed = false
  #isOver = false
  /** What the terminal showed at the end. Needs no emulator any more. */
  #final: DrawnScreen | undefined
  /** Work on the screen, one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  #isDrawing = false
  readonly #flood: FloodWatch
  /** How long output is watched before it is drawn, in milliseconds: half of what the ring has left then, at that rate. */
  readonly #watchMs: number

  constructor(options: TerminalScreenOptions) {
    this.#options = options
    this.#size = options.size
    const { clock, limits } = options
    const bytesPerMs = limits.screenSlice / limits.screenPauseMs
    this.#flood = new FloodWatch(clock, bytesPerMs)
    this.#watchMs = limits.retainedPerProcess / 4 / bytesPerMs
  }

  /** There is a new chunk. */
  added({ seq, bytes }: Chunk): void {
    this.#last = seq
    this.#undrawnBytes += bytes.length
    this.#flood.added(bytes.length)
    if (!this.#flood.isWaiting) this.#drawOnceSlow(this.#watchMs)
  }

  /** Draws once output is slow, `afterMs` from now at the earliest, if half a ring is undrawn. */
  #drawOnceSlow(afterMs: number): void {
    const { limits } = this.#options
    if (!this.#isMuchUndrawn || this.#isDrawing || this.#isOver || this.#isDisposed) return
    this.#flood.wait({
      afterMs,
      // What is lost is lost: the rest is in no hurry.
      retryMs: () => (this.#isOvertaken ? limits.screenRestMs : this.#watchMs),
      call: () => this.#drawOptionally(),
    })
  }

  #drawOptionally(): void {
    if (!this.#isMuchUndrawn || (this.#screen === undefined && !this.#mayOpen)) return
    this.#isDrawing = true
    void this.#do(() => this.#draw(this.#last, true))
      .catch(this.#options.report)
      .finally(() => {
        this.#isDrawing = false
        if (this.#isOvertaken) this.#drawOnceSlow(this.#options.limits.screenRestMs)
      })
  }

  /** The terminal has another size from now on. */
  resized(size: TerminalSize): void {
    // Of sizes that no output came in between, only the last counts.
    if (this.#resizes.at(-1)?.afterSeq === this.#last) this.#resizes.pop()
    this.#resizes.push({ afterSeq: this.#last, size })
    if (this.#resizes.length > this.#options.limits.screenResizes) this.#resizes.shift()
  }

  /** No more output will come. Replaces an emulator by what it shows. */
  over(): void {
    this.#isOver = true
    this.#flood.cancel()
    if (this.#screen !== undefined) void this.snapshot().catch(this.#options.report)
  }

  /**
   * Draws all output, and returns what the terminal shows; undefined if the terminal is too large. `seq`: the last
   * chunk drawn.
   * @throws -32001 if too many screens are drawn
   */
  snapshot(): Promise<DrawnScreen | undefined> {
    return this.#do(async () => {
      if (this.#final !== undefined) return this.#final
      if (!this.#isDrawable(this.#currentSize)) return undefined
      if (this.#screen === undefined && !this.#mayOpen)
        throw overloaded(`too many screens are drawn: ${this.#options.limits.screens}`)
      const release = this.#options.hold()
      try {
        await this.#draw(this.#last, false)
        this.#resizeUpTo(this.#last)
        const content = this.#screen?.content()
        if (content === undefined) return undefined
        const drawn = { screen: { ...content, complete: this.#isComplete }, seq: this.#drawn }
        if (this.#isOver) {
          this.#final = drawn
          this.#close()
        }
        return drawn
      } finally {
        release()
      }
    })
  }

  dispose(): void {
    this.#isDisposed = true
    this.#flood.cancel()
    void this.#do(async () => this.#close())
  }

  #do<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#work.then(step)
    this.#work = done.catch(() => {})
    return done
  }

  get #isMuchUndrawn(): boolean {
    return this.#undrawnBytes > this.#options.limits.retainedPerProcess / 2
  }

  /** Whether the ring has dropped what is not drawn. */
  get #isOvertaken(): boolean {
    return this.#options.output.lastDropped > this.#drawn
  }

  get #mayOpen(): boolean {
    const { count, limits } = this.#options
    return count.open < limits.screens && this.#isDrawable(this.#size)
  }

  get #currentSize(): TerminalSize {
    return this.#resizes.at(-1)?.size ?? this.#size
  }

  #isDrawable({ rows, columns }: TerminalSize): boolean {
    return rows * columns <= this.#options.limits.screenCells
  }

  /** Draws the chunks up to `target`. `isOptional`: with pauses, and not what has been overtaken. */
  async #draw(target: number, isOptional: boolean): Promise<void> {
    const { output, clock, limits } = this.#options
    await this.#opened()
    let slice = 0
    const before = this.#drawn
    while (this.#drawn < target && !this.#isDisposed) {
      if (this.#isOvertaken) {
        if (isOptional && this.#drawn > before) return
        this.#skipTo(output.lastDropped)
      }
      const chunk = output.after(this.#drawn)
      if (chunk === undefined || chunk.seq > target) break
      this.#resizeUpTo(chunk.seq - 1)
      const screen = await this.#opened()
      if (screen === undefined) return
      await screen.write(chunk.bytes)
      this.#drawn = chunk.seq
      this.#undrawnBytes -= chunk.bytes.length
      slice += chunk.bytes.length
      if (slice < limits.screenSlice) continue
      slice = 0
      await new Promise<void>((resolve) =>
        isOptional ? void clock.after(limits.screenPauseMs, resolve) : clock.soon(resolve),
      )
    }
  }

  /** Opens the emulator, unless the terminal is too large for one. */
  async #opened(): Promise<Screen | undefined> {
    if (this.#screen !== undefined || !this.#isDrawable(this.#size)) return this.#screen
    const { open, count } = this.#options
    count.open++
    try {
      this.#screen = await open(this.#size)
    } catch (error) {
      count.open--
      throw error
    }
    return this.#screen
  }

  #skipTo(seq: number): void {
    this.#isComplete = false
    this.#drawn = seq
    this.#undrawnBytes = 0
    const { output } = this.#options
    for (let chunk = output.after(seq); chunk !== undefined; chunk = output.after(chunk.seq))
      this.#undrawnBytes += chunk.bytes.length
  }

  /** Applies the sizes that the terminal had taken when the chunk after `seq` came. */
  #resizeUpTo(seq: number): void {
    for (let [next] = this.#resizes; next !== undefined && next.afterSeq <= seq; [next] = this.#resizes) {
      this.#resizes.shift()
      this.#size = next.size
      if (this.#isDrawable(next.size)) this.#screen?.resize(next.size)
      else this.#close()
    }
  }

  #close(): void {
    if (this.#screen === undefined) return
    this.#screen.dispose()
    this.#screen = undefined
    this.#options.count.open--
    this.#isComplete = false
  }
}

/** Writes the recording of one terminal. What waits for the disk is bounded: beyond that the terminal is held back. */
import { Buffer } from 'node:buffer'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { reasonOf } from '../../base/os-error-text.ts'
import type { TerminalSize } from '../../protocol/schemas/process.ts'
import { castEvent, castHeader, castSize } from './asciicast.ts'
import type { CastEvent, Recorded } from './asciicast.ts'

/** Characters that wait for the disk, above which the terminal is held back, and below which it goes on. */
export type RecordingBounds = { behind: number; caughtUp: number }

/** Callbacks to the directory and to the terminal. */
export type RecordingEvents = {
  /** Whether there is room for so many bytes more, which are then taken. */
  take: (bytes: number) => boolean
  /** It has been given up, for this reason. */
  stopped: (reason: string) => void
  /** It is complete, or has been given up. */
  closed: () => void
  onCaughtUp: () => void
}

/** The recording of one terminal. */
export class Recording {
  readonly path: string
  readonly #bounds: RecordingBounds
  readonly #events: RecordingEvents
  readonly #startedAt = performance.now()
  /** Keeps the bytes of a character whose other bytes are still to come. */
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #queue: string[]
  #queuedCharacters = 0
  #wasBehind = false
  #isDraining = false
  #isEnded = false
  #isOver = false
  #file: FileHandle | undefined
  /** Bytes of whole lines in the file. */
  #written = 0
  #work: Promise<void> = Promise.resolve()

  constructor(path: string, recorded: Recorded, bounds: RecordingBounds, events: RecordingEvents) {
    this.path = path
    this.#bounds = bounds
    this.#events = events
    this.#queue = []
    this.#push(castHeader(recorded))
  }

  /** Whether so much waits to be written that the terminal is to be held back. */
  get isBehind(): boolean {
    return this.#queuedCharacters > this.#bounds.behind
  }

  /** Settles when all that has come so far is written. */
  get settled(): Promise<void> {
    return this.#work
  }

  output(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#event('o', this.#decoder.decode(bytes, { stream: true }))
  }

  resized(size: TerminalSize): void {
    this.#event('r', castSize(size))
  }

  /** There is no more output. */
  end(): void {
    if (this.#isEnded) return
    this.#event('o', this.#decoder.decode())
    this.#isEnded = true
    this.#drainSoon()
  }

  #event(kind: CastEvent, data: string): void {
    if (data !== '' && !this.#isEnded) this.#push(castEvent(performance.now() - this.#startedAt, kind, data))
  }

  #push(line: string): void {
    if (this.#isOver) return
    this.#queue.push(line)
    this.#queuedCharacters += line.length
    this.#wasBehind ||= this.isBehind
    this.#drainSoon()
  }

  #drainSoon(): void {
    if (this.#isDraining || this.#isOver) return
    this.#isDraining = true
    this.#work = this.#drain().catch((error: unknown) => this.#fail(reasonOf(error)))
  }

  async #drain(): Promise<void> {
    // The name is new: what stands there, a link too, is an error.
    this.#file ??= await open(this.path, 'wx', 0o600)
    while (this.#queue.length > 0) {
      const bytes = Buffer.from(this.#queue.join(''))
      const characters = this.#queuedCharacters
      this.#queue = []
      if (!this.#events.take(bytes.length)) return this.#stopAtQuota()
      await this.#file.appendFile(bytes)
      this.#written += bytes.length
      this.#queuedCharacters -= characters
      this.#tellCaughtUp()
    }
    this.#isDraining = false
    if (this.#isEnded) await this.#close()
  }

  async #stopAtQuota(): Promise<void> {
    const reason = 'the directory is full (--log-mib)'
    const mark = castEvent(performance.now() - this.#startedAt, 'm', `recording stopped: ${reason}`)
    await this.#file?.appendFile(mark)
    await this.#close()
    this.#events.stopped(reason)
  }

  /** A full disk, say: the run goes on. Of a line that was written in part nothing stays. */
  async #fail(reason: string): Promise<void> {
    const file = this.#file
    this.#isOver = true
    await file?.truncate(this.#written).catch(() => {})
    await this.#close().catch(() => {})
    this.#events.stopped(reason)
  }

  async #close(): Promise<void> {
    this.#isOver = true
    this.#queue = []
    this.#queuedCharacters = 0
    this.#tellCaughtUp()
    const file = this.#file
    this.#file = undefined
    try {
      await file?.close()
    } finally {
      this.#events.closed()
    }
  }

  #tellCaughtUp(): void {
    if (!this.#wasBehind || this.#queuedCharacters > this.#bounds.caughtUp) return
    this.#wasBehind = false
    this.#events.onCaughtUp()
  }
}

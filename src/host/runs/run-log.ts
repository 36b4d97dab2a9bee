/** The log files of one run: segments, so that the middle of a long output can be dropped and its beginning kept. */
import { Buffer } from 'node:buffer'
import { readdirSync, statSync } from 'node:fs'
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TimedChunk } from '../../core/base/chunk.ts'
import type { LogPart, LogRange, RunWriter, StoredOutput } from '../../core/base/run-store.ts'
import { logPart } from '../../core/output/log-part.ts'
import type { ListedProcess } from '../../protocol/schemas/process.ts'
import { parseRecords, recordHeader } from './record.ts'

/** Sizes in bytes. */
export type LogBounds = {
  /** A segment is complete with this much. */
  segment: number
  /** Output that waits for the disk, above which the process is held back, and below which it goes on. */
  behind: number
  caughtUp: number
}

/** Callbacks to the directory of all runs. */
export type LogEvents = {
  /** Called after each write: makes room for all runs. */
  written: (bytes: number) => void
  report: (fault: unknown) => void
  onCaughtUp: () => void
}

/** `start`: position of the first byte. */
type Segment = { start: number; path: string; bytes: number }

const SUFFIX = '.log'
const RUN_FILE = 'run.json'

/** One run's directory. */
export class RunLog implements RunWriter {
  readonly directory: string
  readonly #bounds: LogBounds
  readonly #events: LogEvents
  readonly #segments: Segment[] = []
  /** Where the output ends. */
  #end = 0
  #queue: TimedChunk[] = []
  #queuedBytes = 0
  #wasBehind = false
  #hasFailed = false
  #isRemoved = false
  /** Work on the files, one after the other. */
  #work: Promise<void> = Promise.resolve()

  constructor(directory: string, bounds: LogBounds, events: LogEvents) {
    this.directory = directory
    this.#bounds = bounds
    this.#events = events
  }

  /** Finds the segments of an earlier server. Returns their bytes. */
  async load(): Promise<number> {
    const names = readdirSync(this.directory).filter((name) => name.endsWith(SUFFIX))
    for (const name of names.sort()) {
      const path = join(this.directory, name)
      this.#segments.push({ start: Number.parseInt(name, 10), path, bytes: statSync(path).size })
    }
    const last = this.#segments.at(-1)
    const record = last === undefined ? undefined : parseRecords(await readFile(last.path)).at(-1)
    this.#end = record === undefined ? (last?.start ?? 0) : record.position + record.bytes.length
    return this.bytes
  }

  /** Bytes on the disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  // ---- writing ----

  get isBehind(): boolean {
    return this.#queuedBytes > this.#bounds.behind
  }

  write(chunk: TimedChunk): void {
    if (this.#hasFailed || this.#isRemoved) return
    this.#queue.push(chunk)
    this.#queuedBytes += chunk.bytes.length
    this.#wasBehind ||= this.isBehind
    if (this.#queue.length === 1) this.#do(() => this.#drain())
  }

  /** Resolves when everything so far is written. Does not reject. */
  flush(): Promise<void> {
    return this.#work
  }

  end(run: ListedProcess): void {
    this.#do(() => this.#saveRun(run))
  }

  /** Writes down what is known of the run, at once or not at all. */
  async #saveRun(run: ListedProcess): Promise<void> {
    if (this.#isRemoved) return
    const partial = join(this.directory, `${RUN_FILE}.partial`)
    await writeFile(partial, JSON.stringify(run), { mode: 0o600 })
    await rename(partial, join(this.directory, RUN_FILE))
  }

  #do(step: () => Promise<void>): void {
    this.#work = this.#work.then(step).catch((fault: unknown) => {
      // A full disk, say: the run goes on, and memory still has its ends.
      this.#hasFailed = true
      this.#queue = []
      this.#queuedBytes = 0
      this.#events.report(fault)
      this.#tellCaughtUp()
    })
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && !this.#isRemoved) {
      const chunks = this.#queue
      this.#queue = []
      const segment = this.#segmentAt(chunks[0] as TimedChunk)
      const parts = chunks.flatMap((chunk) => [recordHeader(chunk), chunk.bytes])
      const bytes = Buffer.concat(parts)
      await appendFile(segment.path, bytes, { mode: 0o600 })
      segment.bytes += bytes.length
      const written = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0)
      this.#end += written
      this.#queuedBytes -= written
      this.#tellCaughtUp()
      this.#events.written(bytes.length)
    }
  }

  /** The segment to write to: a new one if the last is complete. */
  #segmentAt({ position }: TimedChunk): Segment {
    const last = this.#segments.at(-1)
    if (last !== undefined && last.bytes < this.#bounds.segment) return last
    const path = join(this.directory, `${String(position).padStart(16, '0')}${SUFFIX}`)
    const segment: Segment = { start: position, path, bytes: 0 }
    this.#segments.push(segment)
    return segment
  }

  #tellCaughtUp(): void {
    if (!this.#wasBehind || this.#queuedBytes > this.#bounds.caughtUp) return
    this.#wasBehind = false
    this.#events.onCaughtUp()
  }

  // ---- making room ----

  /** Drops a segment: the oldest but the first, or any but the last with `isEnded`. Returns the bytes freed. */
  dropSegment(isEnded: boolean): number {
    const index = this.#segments.length > 2 ? 1 : isEnded ? 0 : -1
    const [segment] = index < 0 ? [] : this.#segments.splice(index, 1)
    if (segment === undefined) return 0
    void rm(segment.path, { force: true }).catch(this.#events.report)
    return segment.bytes
  }

  /** Deletes everything. */
  remove(): void {
    this.#isRemoved = true
    this.#queue = []
    this.#queuedBytes = 0
    this.#do(() => rm(this.directory, { recursive: true, force: true }))
  }

  // ---- reading ----

  /** Reads what has been written; undefined if writing has failed. */
  async read(range: LogRange): Promise<LogPart | undefined> {
    await this.#work
    if (this.#hasFailed) return undefined
    const { lastBytes, sinceMs, maxBytes } = range
    const position = lastBytes === undefined ? range.position : Math.max(range.position, this.#end - lastBytes)
    const pieces: StoredOutput[] = []
    let found = 0
    for (const [index, { start, path }] of [...this.#segments].entries()) {
      const next = this.#segments[index + 1]?.start ?? this.#end
      if (next <= position || (sinceMs > 0 && statSync(path).mtimeMs < sinceMs)) continue
      const records = parseRecords(await readFile(path)).filter(
        ({ bytes, position: at }) => at + bytes.length > position,
      )
      pieces.push(...records)
      for (const { atMs, bytes } of records) if (atMs >= sinceMs) found += bytes.length
      if (found > maxBytes)
        return logPart(pieces, Math.max(start, endOf(pieces)), { ...range, position, lastBytes: undefined })
    }
    return logPart(pieces, this.#end, { ...range, position, lastBytes: undefined })
  }
}

const endOf = (pieces: readonly StoredOutput[]): number => {
  const last = pieces.at(-1)
  return last === undefined ? 0 : last.position + last.bytes.length
}

/** The file that says what is known of a run. */
export const runFile = (directory: string): string => join(directory, RUN_FILE)

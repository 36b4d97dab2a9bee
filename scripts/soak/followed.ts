/**
 * One process as its client sees it: every event in its place, also across cut connections. After one, what was
 * missed is read back, and events that come meanwhile wait until that is known.
 */
import type { Ledger } from './ledger.ts'
import { StreamCheck } from './stream-check.ts'
import type { Expected } from './stream-check.ts'

export type Stream = 'stdout' | 'stderr' | 'pty'

/** What each stream should hold; `text` is kept to be looked at. A stream that is not named must stay empty. */
export type Streams = Partial<Record<Stream, Expected | 'text'>>

export type FollowOptions = {
  processId: string
  streams: Streams
  ledger: Ledger
  /** Whether it writes so much that a client that is away may miss some of it. */
  mayMiss?: boolean
}

export type ProcessEvent = { seq: number; stream?: Stream; chunk?: string; exitCode?: number }
export type ReadResult = {
  chunks: { seq: number; stream: Stream; chunk: string }[]
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
}

/** When this much is there, older output may be gone: the retention, less one chunk, as only whole chunks go. */
const FULL_BYTES = 1024 * 1024 - 64 * 1024

export class Followed {
  readonly processId: string
  readonly #ledger: Ledger
  readonly #mayMiss: boolean
  readonly #checks = new Map<string, StreamCheck>()
  readonly #texts = new Map<string, string>()
  readonly #watchers = new Set<() => void>()
  readonly #closed = Promise.withResolvers<number>()
  #next = 1
  /** Events up to here have been read back, and may come once more. */
  #recovered = 0
  #early: [method: string, event: ProcessEvent][] | undefined
  #exitCode: number | undefined
  #isClosed = false
  /** The answer to process/start has come, so the server knows it. */
  isStarted = false

  constructor({ processId, streams, ledger, mayMiss = false }: FollowOptions) {
    this.processId = processId
    this.#ledger = ledger
    this.#mayMiss = mayMiss
    for (const [stream, expected] of Object.entries(streams)) {
      if (expected === 'text') this.#texts.set(stream, '')
      else this.#checks.set(stream, new StreamCheck(`${stream} of ${processId}`, expected, ledger))
    }
    this.#closed.promise.catch(() => {})
  }

  get last(): number {
    return this.#next - 1
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get exitCode(): number | undefined {
    return this.#exitCode
  }

  /** Settles with the exit code once it is closed. */
  get closed(): Promise<number> {
    return this.#closed.promise
  }

  received(stream: Stream): number {
    return this.#checks.get(stream)?.at ?? this.text(stream).length
  }

  text(stream: Stream): string {
    return this.#texts.get(stream) ?? ''
  }

  /** Calls `look` at every event, until the returned function is called. */
  watch(look: () => void): () => void {
    this.#watchers.add(look)
    return () => this.#watchers.delete(look)
  }

  /** Nothing more will come of it. */
  giveUp(reason: Error): void {
    this.#closed.reject(reason)
    for (const look of [...this.#watchers]) look()
  }

  /** Its output should be there: all of it, or what there was until it was killed. */
  finish(isWhole: boolean): void {
    for (const check of this.#checks.values()) check.finish(isWhole)
  }

  // ---- events ----

  take(method: string, event: ProcessEvent): void {
    if (this.#early !== undefined) return void this.#early.push([method, event])
    if (event.seq <= this.#recovered) return
    if (event.seq !== this.#next) this.#fault(`event ${event.seq} (${method}) instead of ${this.#next}`)
    if (this.#isClosed) this.#fault(`${method} after closed`)
    this.#next = event.seq + 1
    if (method === 'process/output') this.#output(event.stream as Stream, Buffer.from(event.chunk ?? '', 'base64'))
    else if (method === 'process/exited') this.#exit(event.exitCode ?? NaN)
    else if (method === 'process/closed') this.#close()
    else this.#fault(`unknown event ${method}`)
    this.#look()
  }

  #output(stream: Stream, bytes: Buffer): void {
    const check = this.#checks.get(stream)
    if (check !== undefined) return check.take(bytes)
    const text = this.#texts.get(stream)
    if (text === undefined)
      return this.#fault(`unexpected output on ${stream}: ${JSON.stringify(bytes.toString('latin1', 0, 200))}`)
    this.#texts.set(stream, text + bytes.toString('latin1'))
  }

  #exit(code: number): void {
    if (this.#exitCode !== undefined) this.#fault('exited twice')
    this.#exitCode = code
  }

  #close(): void {
    if (this.#exitCode === undefined) this.#fault('closed before it exited')
    this.#isClosed = true
    this.#closed.resolve(this.#exitCode ?? NaN)
  }

  #look(): void {
    for (const look of [...this.#watchers]) look()
  }

  #fault(what: string): void {
    this.#ledger.fault(`process ${this.processId}: ${what}`)
  }

  // ---- after a cut ----

  /** From now on events wait for what is read back. */
  awaitRecovery(): void {
    this.#early = []
  }

  /** What a read after the last event found; undefined: the server does not know the process. */
  recover(read: ReadResult | undefined): void {
    const early = this.#early ?? []
    this.#early = undefined
    if (read !== undefined) this.#catchUp(read)
    for (const [method, event] of early) this.take(method, event)
    this.#look()
  }

  #catchUp({ chunks, nextSeq, exited, exitCode, closed }: ReadResult): void {
    const target = nextSeq - 1
    const before = this.last
    const isNewlyExited = exited && this.#exitCode === undefined
    /** The exit and the close have numbers, but are not among the chunks. */
    const others = (isNewlyExited ? 1 : 0) + (closed ? 1 : 0)
    const missing = target - before - chunks.length - others
    const first = chunks[0]?.seq ?? target + 1 - others
    const decoded = chunks.map(({ stream, chunk }) => ({ stream, bytes: Buffer.from(chunk, 'base64') }))
    const bytes = decoded.reduce((sum, piece) => sum + piece.bytes.length, 0)
    if (missing < 0 || chunks.some(({ seq }, index) => seq <= (chunks[index - 1]?.seq ?? before) || seq > target)) {
      this.#fault(`a read after ${before} is out of order: ${chunks.length} chunks from ${first}, next ${nextSeq}`)
    } else if (missing > 0) this.#jump(missing, bytes, decoded)
    for (const piece of decoded) this.#output(piece.stream, piece.bytes)
    this.#next = nextSeq
    this.#recovered = target
    if (isNewlyExited) this.#exit(exitCode ?? NaN)
    if (closed) this.#close()
  }

  #jump(missing: number, bytes: number, decoded: readonly { stream: Stream; bytes: Buffer }[]): void {
    if (!this.#mayMiss || bytes < FULL_BYTES)
      return this.#fault(`${missing} events are lost, though only ${bytes} bytes are kept`)
    const [first] = decoded
    if (first !== undefined)
      this.#checks.get(first.stream)?.skipTo(Buffer.concat(decoded.slice(0, 64).map((piece) => piece.bytes)))
  }
}

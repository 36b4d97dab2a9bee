/** A fake host whose child processes are scripted by the test. */
import type {
  AllowedStarts,
  Child,
  ChildEvents,
  Files,
  Host,
  HttpRequest,
  HttpResponse,
  SpawnSpec,
} from '../../../src/core/base/host.ts'
import type { NetHost } from '../../../src/core/net/net-host.ts'
import type { Screen } from '../../../src/core/base/screen.ts'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import { createExecServer } from '../../../src/core/rpc/server.ts'
import type { OutputStream, Signal, TerminalSize } from '../../../src/protocol/schemas/process.ts'
import type { Sandbox } from '../../../src/protocol/schemas/sandbox.ts'
import type { EnvironmentInfo } from '../../../src/protocol/schemas/session.ts'
import { fakeConfigFiles } from './fake-config-files.ts'
import { ManualClock } from './manual-clock.ts'

/** A child process whose output, exit and stdin the test controls. */
export class FakeChild implements Child {
  readonly spec: SpawnSpec
  readonly written: Uint8Array[] = []
  paused = false
  readonly signals: Signal[] = []
  size: TerminalSize | undefined
  kills = 0
  terminations = 0
  abandoned = false
  forgotten = false
  readonly #events: ChildEvents
  /** Output that the child has written; the first `#taken` pieces have been read. */
  #pipe: { stream: OutputStream; bytes: Uint8Array }[] = []
  /** Number of pieces of `#pipe` that were read. An index, because shifting a long array is O(n). */
  #taken = 0
  #exited = false
  #ending = false
  #ended = false
  #stdinOpen: boolean
  #stdinQueued = 0

  constructor(spec: SpawnSpec, events: ChildEvents) {
    this.spec = spec
    this.#events = events
    this.#stdinOpen = spec.stdin !== 'closed'
  }

  // ---- called by the test ----

  /** The child writes; the server reads it at once unless it has paused reading. */
  output(stream: OutputStream, bytes: Uint8Array | string): void {
    this.#pipe.push({ stream, bytes: typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes })
    this.flow()
  }

  /** Delivers pending output until the server pauses reading. A real host does this by itself after a resume. */
  flow(): void {
    while (!this.paused) {
      const piece = this.#pipe[this.#taken]
      if (piece === undefined) break
      this.#taken++
      this.#events.output(piece.stream, piece.bytes)
      // As of a real host, it is the memory of the next read.
      piece.bytes.fill(0)
    }
    if (this.#taken === this.#pipe.length) {
      this.#pipe = []
      this.#taken = 0
    }
    // The end of the output is delivered like output: not while paused.
    if (this.paused || !this.#ending || this.#ended) return
    this.#ended = true
    this.#events.ended()
  }

  /** Bytes written by the child that the server has not read. */
  get unread(): number {
    return this.#pipe.slice(this.#taken).reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** The root process exits. */
  exit(code: number): void {
    if (this.#exited) throw new Error('exited twice')
    this.#exited = true
    this.#stdinOpen = false
    this.#events.exited(code)
  }

  /** All writers close the output: it ends once everything has been read. */
  end(): void {
    this.#ending = true
    this.flow()
  }

  /** The child reads this many bytes of its stdin. */
  reads(bytes = Infinity): void {
    this.#stdinQueued = Math.max(0, this.#stdinQueued - bytes)
    this.#events.stdinMoved()
  }

  closeStdin(): void {
    this.#stdinOpen = false
    this.#events.stdinMoved()
  }

  get input(): string {
    return this.written.map((bytes) => new TextDecoder().decode(bytes)).join('')
  }

  // ---- called by the server ----

  write(bytes: Uint8Array): void {
    if (!this.#stdinOpen) throw new Error('written to while stdin was closed')
    this.written.push(bytes)
    this.#stdinQueued += bytes.length
  }

  stdinQueued(): number {
    return this.#stdinQueued
  }

  stdinOpen(): boolean {
    return this.#stdinOpen
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  /** Only terminals can be resized. */
  get resize(): ((size: TerminalSize) => void) | undefined {
    return this.spec.stdin === 'terminal' ? (size) => void (this.size = size) : undefined
  }

  /** Only pipes can be closed. */
  get endStdin(): (() => void) | undefined {
    return this.spec.stdin === 'terminal' ? undefined : () => this.#end()
  }

  /** How often the server has closed stdin. */
  stdinEnds = 0

  #end(): void {
    if (!this.#stdinOpen) throw new Error('ended while stdin was closed')
    this.stdinEnds++
    this.#stdinOpen = false
  }

  signal(signal: Signal): void {
    this.signals.push(signal)
  }

  terminate(): void {
    this.terminations++
  }

  kill(): void {
    this.kills++
  }

  abandon(): void {
    this.abandoned = true
    this.paused = false
    this.#pipe = []
    queueMicrotask(() => this.end())
  }

  forget(): void {
    this.forgotten = true
  }
}

type FileMethod = keyof Files

/** A host that records what the server starts and asks for. */
export class FakeHost implements Host {
  /** All children, in start order. */
  readonly children: FakeChild[] = []
  readonly faults: unknown[] = []
  /** If set, `spawn` fails with it. */
  spawnError: Error | undefined
  variables: ReadonlyMap<string, string> = new Map()
  /** Handler of file calls. */
  serveFile: (method: FileMethod, args: any[]) => Promise<any> = async (method) => {
    throw new Error(`${method} is not scripted`)
  }
  /** Handler of HTTP requests. */
  serveHttp: (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse> = async () => {
    throw new Error('no HTTP is scripted')
  }
  #gate: Promise<void> | undefined
  #uuids = 0

  /** Blocks all spawns until the returned function is called. */
  holdSpawns(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = promise
    return () => {
      this.#gate = undefined
      resolve()
    }
  }

  async spawn(spec: SpawnSpec, events: ChildEvents): Promise<FakeChild> {
    if (this.#gate !== undefined) await this.#gate
    if (this.spawnError !== undefined) throw this.spawnError
    const child = new FakeChild(spec, events)
    this.children.push(child)
    return child
  }

  /** A screen that shows the text written to it, one line. */
  async openScreen({ rows, columns }: TerminalSize): Promise<Screen> {
    const shown = { rows, columns, text: '', isOpen: true }
    this.screens.push(shown)
    return {
      write: async (bytes) => void (shown.text += new TextDecoder().decode(bytes)),
      resize: (size) => void Object.assign(shown, size),
      content: () => ({
        rows: shown.rows,
        columns: shown.columns,
        lines: [shown.text],
        ansi: shown.text,
        cursor: { row: 0, column: 0, visible: true },
        title: '',
        alternate: false,
      }),
      dispose: () => void (shown.isOpen = false),
    }
  }

  /** All screens, in the order of their opening. */
  readonly screens: { rows: number; columns: number; text: string; isOpen: boolean }[] = []

  /** The active watch. */
  watched: { missing: readonly string[]; present: string | undefined; changed: () => void } | undefined

  watchMissing(missing: readonly string[], present: string | undefined, changed: () => void): () => void {
    const watched = { missing, present, changed }
    this.watched = watched
    return () => {
      if (this.watched === watched) this.watched = undefined
    }
  }

  http(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return this.serveHttp(request, signal)
  }

  /** The most recent child. */
  get child(): FakeChild {
    const child = this.children.at(-1)
    if (child === undefined) throw new Error('no child was started')
    return child
  }

  /** The sandboxes of all file calls so far. */
  readonly sandboxes: (Sandbox | undefined)[] = []
  readonly sandboxType = 'linuxSeccomp'
  requiresSandbox = false
  starts: AllowedStarts = { direct: true, prepared: true }
  copyAgent = ['/bin/exec-server', '__copy']
  /** Handler of network connections. */
  net: NetHost = {
    isOffered: true,
    connect: async () => {
      throw new Error('no connection is scripted')
    },
    listen: async () => {
      throw new Error('no listener is scripted')
    },
    ports: async () => [],
  }
  configFiles = fakeConfigFiles()

  collect(): void {}

  files(sandbox: Sandbox | undefined): Files {
    this.sandboxes.push(sandbox)
    return this.#files
  }

  readonly #files: Files = {
    readFile: (...args) => this.serveFile('readFile', args),
    writeFile: (...args) => this.serveFile('writeFile', args),
    createDirectory: (...args) => this.serveFile('createDirectory', args),
    getMetadata: (...args) => this.serveFile('getMetadata', args),
    readDirectory: (...args) => this.serveFile('readDirectory', args),
    remove: (...args) => this.serveFile('remove', args),
    copy: (...args) => this.serveFile('copy', args),
    canonicalize: (...args) => this.serveFile('canonicalize', args),
    open: (...args) => this.serveFile('open', args),
    walk: (...args) => this.serveFile('walk', args),
    discover: (...args) => this.serveFile('discover', args),
  }

  environmentInfo(): EnvironmentInfo {
    return {
      shell: { name: 'sh', path: '/bin/sh' },
      cwd: 'file:///',
      tempDir: 'file:///tmp',
      temporaryDirectories: [],
      platformOs: 'linux',
      capabilities: {},
    }
  }

  environment(): ReadonlyMap<string, string> {
    return this.variables
  }

  uuid(): string {
    return `session-${++this.#uuids}`
  }

  report(fault: unknown): void {
    this.faults.push(fault)
  }
}

/** A server on a fake host and a manual clock. */
export function fakeServer(limits: Partial<Limits> = {}) {
  const [host, clock] = [new FakeHost(), new ManualClock()]
  return { host, clock, server: createExecServer({ host, clock, limits: { ...defaultLimits, ...limits } }) }
}

/** What the core needs from the machine it runs on. Failures are thrown as RpcError. */
import type { CapabilityBounds, Discovery } from '../../protocol/schemas/capability-roots.ts'
import type { DirectoryEntry, Metadata, OpenMode, WalkOptions, WalkResult } from '../../protocol/schemas/fs.ts'
import type { HttpHeader } from '../../protocol/schemas/http.ts'
import type { OutputStream, Signal, TerminalSize } from '../../protocol/schemas/process.ts'
import type { Sandbox, SandboxType } from '../../protocol/schemas/sandbox.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import type { NetHost } from '../net/net-host.ts'
import type { ConfigFiles } from '../codex-config/config-files.ts'
import type { Caller } from './fair-slots.ts'
import type { Screen } from './screen.ts'
import type { Snapshot } from './snapshot.ts'

/** What to spawn, and how. */
export type SpawnSpec = {
  /** At least one element; the first is the executable. */
  argv: readonly string[]
  /** What the child sees as argv[0]; absent means argv[0]. */
  arg0?: string
  /** Absolute. */
  cwd: string
  /** The whole environment of the child. */
  env: ReadonlyMap<string, string>
  stdin: 'closed' | 'pipe' | 'terminal'
  /** Size of the terminal, if there is one. Default: 24 rows, 80 columns. */
  terminalSize?: TerminalSize
  /** The sandbox to run in. Absent: none was requested. */
  sandbox?: Sandbox
  /** The sandbox must confine, and nothing is added to the environment. */
  isPrepared?: true
}

/** Callbacks of a child. None is called before `spawn` has returned. */
export type ChildEvents = {
  /** Output was read. The bytes are valid during the call only: their memory is used for the next read. */
  output(stream: OutputStream, bytes: Uint8Array): void
  /** Called once. `code` is 0-255, or 128 + n for signal n. */
  exited(code: number): void
  /** Called once: no output follows. May come before or after `exited`. */
  ended(): void
  /** Stdin was read from the queue, or has closed. */
  stdinMoved(): void
}

/** A spawned process with its descendants. */
export type Child = {
  /** Process id of the root, or of its sandbox process. */
  readonly pid?: number | undefined
  /** Queues bytes of stdin. Call only while `stdinOpen()`. */
  write(bytes: Uint8Array): void
  /** Queued bytes that the child's pipe or terminal has not accepted. */
  stdinQueued(): number
  stdinOpen(): boolean
  /** Ends stdin behind what is queued; it is not open from then on. Absent for a terminal. */
  readonly endStdin?: (() => void) | undefined
  /** Resizes the terminal; does nothing once that is closed. Absent without one. */
  readonly resize?: ((size: TerminalSize) => void) | undefined
  /** Stops reading output, until `resume`. The child blocks once its pipe or terminal is full; nothing is lost. */
  pause(): void
  resume(): void
  /** Signals the process group, and a terminal's foreground job. */
  signal(signal: Signal): void
  /** Sends SIGTERM to all remaining descendants. */
  terminate(): void
  /**
   * Sends SIGKILL to all remaining descendants, in whatever process group. Never signals a pid that may have been
   * reused.
   */
  kill(): void
  /** Closes the output streams, though a descendant may still hold them open; `ended` follows. */
  abandon(): void
  /** Releases the resources of an ended process. Sends no signal. */
  forget(): void
}

/** Options of {@link Files.readFile}. `maxBytes`: the largest file allowed. `reserve`: waits for that much memory. */
export type ReadFileOptions = {
  followSymlinks: boolean
  maxBytes: number
  reserve: (bytes: number) => Promise<void> | undefined
}

/** An open regular file, independent of its path from then on. Offsets and lengths are in bytes. */
export type OpenFile = {
  /**
   * Returns fewer bytes than `length` only at the end of the file.
   * @throws EBADF's error for a file opened to be replaced
   */
  read(offset: number, length: number): Promise<Uint8Array>
  /**
   * Writes all bytes; a gap before `offset` is filled with zeros.
   * @throws EBADF's error for a file opened to be read
   */
  write(offset: number, bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** The file operations, with or without a sandbox. Paths are absolute. */
export type Files = {
  /** Calls and awaits `reserve` with the file's size before reading. */
  readFile(path: string, options: ReadFileOptions): Promise<Uint8Array>
  writeFile(path: string, data: Uint8Array, options: { followSymlinks: boolean }): Promise<void>
  createDirectory(path: string, options: { recursive: boolean; followSymlinks: boolean }): Promise<void>
  getMetadata(path: string, options: { followSymlinks: boolean }): Promise<Metadata>
  readDirectory(path: string): Promise<DirectoryEntry[]>
  remove(path: string, options: { recursive: boolean; force: boolean; followSymlinks: boolean }): Promise<void>
  copy(source: string, destination: string, options: { recursive: boolean }): Promise<void>
  canonicalize(path: string): Promise<string>
  open(path: string, mode: OpenMode): Promise<OpenFile>
  walk(path: string, options: WalkOptions): Promise<WalkResult>
  /** Finds the plugins and skills below a directory, given as a URI. */
  discover(root: string, bounds: CapabilityBounds): Promise<Discovery>
}

/** One request as it is sent. The core follows redirects. */
export type HttpRequest = {
  method: string
  /** http: or https:, without credentials or fragment. */
  url: URL
  /** In order, with lower-case names; values are sent as UTF-8. */
  headers: readonly HttpHeader[]
  body: Uint8Array | undefined
}

/** A response whose headers have arrived. */
export type HttpResponse = {
  status: number
  /** In order, with lower-case names. */
  headers: HttpHeader[]
  /**
   * Reads the next bytes of the body as received; undefined at the end.
   * @throws Error with the reason if the body breaks off
   */
  read(): Promise<Uint8Array | undefined>
  /** Discards the rest of the body. */
  cancel(): void
}

/** Which starts are allowed: direct ones, which leave something to the server to resolve, and prepared ones. */
export type AllowedStarts = { direct: boolean; prepared: boolean }

/** The machine: processes, files, HTTP and environment. */
export type Host = {
  /**
   * Spawns a process.
   * @throws -32602 for a sandbox that cannot be enforced here
   */
  spawn(spec: SpawnSpec, events: ChildEvents): Promise<Child>
  /** Opens a terminal emulator of this size. */
  openScreen(size: TerminalSize): Promise<Screen>
  /**
   * The file operations in a sandbox; undefined: without one. Each operation throws -32600 if the sandbox cannot be
   * enforced. What they share with other callers is shared fairly.
   */
  files(sandbox: Sandbox | undefined, caller: Caller): Files
  /**
   * Calls `changed` once when one of the missing paths appears or `present` changes. Returns a function that stops the
   * watch; undefined if there is nothing to watch, or no way to.
   */
  watchMissing(missing: readonly string[], present: string | undefined, changed: () => void): (() => void) | undefined
  /**
   * Sends a request; settles when the response headers have arrived. Back-pressure applies while the body is not read.
   * Once `signal` is aborted, the call or the pending read throws its reason and the connection is closed.
   * @throws RpcError for a request that is not allowed, any other Error for one that failed
   */
  http(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>
  /** Network connections. */
  readonly net: NetHost
  /** Access to Codex's configuration files. */
  configFiles: ConfigFiles
  /** The command of the copy agent: this program, in the mode that is the other end of `exec-server cp`. */
  readonly copyAgent: readonly string[]
  /** Whether every client must use a sandbox; clients then cannot see each other's processes, nor read configuration. */
  readonly requiresSandbox: boolean
  readonly starts: AllowedStarts
  /** The sandbox that commands run in here. */
  sandboxType: SandboxType
  /** What `initialize` and environment/info report of this machine. */
  environmentInfo(): EnvironmentInfo
  /** The server's own environment, from which environment policies inherit. */
  environment(): ReadonlyMap<string, string>
  /** A fresh UUID. */
  uuid(): string
  /** Adds the host's counts to a snapshot. */
  collect(snapshot: Snapshot): void
  /** Reports an internal error that has been contained. */
  report(fault: unknown): void
}

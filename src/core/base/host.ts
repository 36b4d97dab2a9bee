/** What the core needs of the machine it runs on. Failures are thrown as RpcError. */
import type { CapabilityBounds, Discovery } from '../../protocol/schemas/capability-roots.ts'
import type { DirectoryEntry, Metadata, OpenMode, WalkOptions, WalkResult } from '../../protocol/schemas/fs.ts'
import type { HttpHeader } from '../../protocol/schemas/http.ts'
import type { OutputStream, Signal, TerminalSize } from '../../protocol/schemas/process.ts'
import type { Sandbox, SandboxType } from '../../protocol/schemas/sandbox.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import type { ConfigFiles } from '../codex-config/config-files.ts'

export type SpawnSpec = {
  /** At least one element; the first is the program. */
  argv: readonly string[]
  /** What the child sees as argv[0]; absent means argv[0]. */
  arg0?: string
  /** Absolute. */
  cwd: string
  /** The whole environment of the child. */
  env: ReadonlyMap<string, string>
  stdin: 'closed' | 'pipe' | 'terminal'
  /** Of its terminal, if it has one. Absent: 24 rows, 80 columns. */
  terminalSize?: TerminalSize
  /** What the child is to be confined to. Absent: nothing was asked for. */
  sandbox?: Sandbox
}

/** What a child tells. Nothing is called before `spawn` has returned. */
export type ChildEvents = {
  /** The bytes are the receiver's to keep. */
  output(stream: OutputStream, bytes: Uint8Array): void
  /** Once. Code 0-255, or 128 + n for signal n. */
  exited(code: number): void
  /** Once: no output will follow. May come before or after `exited`. */
  ended(): void
  /** Queued stdin has shrunk, or stdin has closed. */
  stdinMoved(): void
}

export type Child = {
  /** Of the root, or of what keeps its sandbox. */
  readonly pid?: number | undefined
  /** Queues bytes. Only while `stdinOpen()`. */
  write(bytes: Uint8Array): void
  /** Bytes that the child's pipe or terminal has not taken yet. */
  stdinQueued(): number
  stdinOpen(): boolean
  /** End of file behind what is queued; stdin is not open from then on. Only where stdin is no terminal. */
  readonly endStdin?: (() => void) | undefined
  /** Only where there is a terminal. Without effect once that is over. */
  readonly resize?: ((size: TerminalSize) => void) | undefined
  /** Stops and goes on reading output; the child blocks once its pipe or terminal is full. Nothing is lost. */
  pause(): void
  resume(): void
  /** To the process group, and to a terminal's foreground job. */
  signal(signal: Signal): void
  /** SIGTERM to all that is left of what it started. */
  terminate(): void
  /** SIGKILL to all that is left of what it started, wherever that went. Never to what may be a stranger's by now. */
  kill(): void
  /** Gives the output streams up, though someone may still hold them; `ended` follows. */
  abandon(): void
  /** Lets go of an ended process. Sends no signal. */
  forget(): void
}

export type ReadFileOptions = {
  followSymlinks: boolean
  maxBytes: number
  reserve: (bytes: number) => Promise<void> | undefined
}

/** A regular file that stays open, whatever becomes of its path. Offsets and lengths in bytes. */
export type OpenFile = {
  /** Fewer bytes than asked for only at the end of the file. Throws EBADF's error for a file opened to be replaced. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** Writes all of it; a gap before it becomes zeros. Throws EBADF's error for a file opened to be read. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

export type Files = {
  /** Calls `reserve` with the size before it reads, and waits for it. */
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
  /** The plugins and skills below a folder, by its URI. */
  discover(root: string, bounds: CapabilityBounds): Promise<Discovery>
}

/** One exchange's request, as it goes out: redirects are followed by the core. */
export type HttpRequest = {
  method: string
  /** http: or https:, without credentials and fragment. */
  url: URL
  /** In order, lower-case names, each value a text whose UTF-8 bytes are sent. */
  headers: readonly HttpHeader[]
  body: Uint8Array | undefined
}

export type HttpResponse = {
  status: number
  /** In order, lower-case names. */
  headers: HttpHeader[]
  /** The next bytes of the body as they came over the wire, undefined at its end. Throws an Error that says what broke it off. */
  read(): Promise<Uint8Array | undefined>
  /** Gives the rest of the body up. */
  cancel(): void
}

export type Host = {
  /** Throws -32602 for a sandbox that cannot be enforced here. */
  spawn(spec: SpawnSpec, events: ChildEvents): Promise<Child>
  /** The file calls under a sandbox; each throws -32600 where that cannot be enforced. Undefined: none was asked for. */
  files(sandbox: Sandbox | undefined): Files
  /**
   * Calls once when one of the missing paths appears or `present` changes. Returns what ends it; undefined if there is
   * nothing to wait for, or no way to.
   */
  watchMissing(missing: readonly string[], present: string | undefined, changed: () => void): (() => void) | undefined
  /**
   * Sends a request; settles when the headers of the response are there. The peer is held back while nobody reads.
   * Throws RpcError for what may not be asked, any other Error for what did not work. Once `signal` is aborted
   * the call or the read under way throws its reason, and the connection is gone.
   */
  http(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>
  configFiles: ConfigFiles
  /** Whether clients get nothing but sandboxes: none is to reach what others do. */
  readonly isConfining: boolean
  /** What confines commands here. */
  sandboxType: SandboxType
  environmentInfo(): EnvironmentInfo
  /** The server's own environment, which environment policies inherit from. */
  environment(): ReadonlyMap<string, string>
  /** A fresh UUID. */
  uuid(): string
  /** Called for a fault of ours that has been contained. */
  report(fault: unknown): void
}

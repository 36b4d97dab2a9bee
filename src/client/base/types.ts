/** What a program sees of the client library. */
import type { DirectoryEntry, Metadata } from '../../protocol/schemas/fs.ts'
import type { EnvPolicy, ListedProcess, OutputStream, Signal, TerminalSize } from '../../protocol/schemas/process.ts'
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'

export type { DirectoryEntry, EnvironmentInfo, EnvPolicy, ListedProcess, Metadata, OutputStream, Sandbox, TerminalSize }

export type Abortable = { signal?: AbortSignal | undefined }

/** A signal for a process group. Codex's servers know `interrupt` only. */
export type SignalName = Signal

export type StartOptions = {
  /** The program and its arguments. Nothing is parsed by a shell. */
  argv: readonly string[]
  /** Absolute path or file: URL on the devbox; absent: where the server was started (`/` with servers up to 0.140, which do not tell). */
  cwd?: string | URL | undefined
  /** Added to what `envPolicy` lets through, or, without a policy, the server's whole environment. */
  env?: Readonly<Record<string, string>> | undefined
  /** What is taken over from the server's environment; absent: all of it, as by any child of its; null: nothing, and `env` is exact. */
  envPolicy?: EnvPolicyInput | null | undefined
  /** A terminal for stdin, stdout and stderr together; with its size at the start (24 rows, 80 columns). */
  tty?: boolean | TerminalSize | undefined
  /** A pipe for `stdin`; without one, and without a terminal, the process reads an end of file. */
  stdin?: 'pipe' | 'closed' | undefined
  /** What the process sees as argv[0]. */
  arg0?: string | undefined
  sandbox?: Sandbox | undefined
  /** The process's name in its session, which `listProcesses` shows. One is made up otherwise. */
  id?: string | undefined
}

export type EnvPolicyInput = {
  inherit: 'all' | 'core' | 'none'
  ignoreDefaultExcludes?: boolean
  exclude?: readonly string[]
  set?: Readonly<Record<string, string>>
  includeOnly?: readonly string[]
}

export type OutputEvent = { type: 'output'; seq: number; stream: OutputStream; bytes: Uint8Array }
/** The process itself is over; what it left behind may go on writing. */
export type ExitedEvent = { type: 'exited'; seq: number; exitCode: number; sandboxDenied: boolean }
/** Nothing follows. */
export type ClosedEvent = { type: 'closed'; seq: number }
/**
 * The reader was slower than what is kept here, and was served from what the server keeps. With `lost` that was not enough:
 * the events after `afterSeq` and before `resumesAtSeq` are gone.
 */
export type LagEvent = { type: 'lag'; afterSeq: number; resumesAtSeq: number; lost: boolean }
export type ProcessEvent = OutputEvent | ExitedEvent | ClosedEvent | LagEvent

export type Exit = {
  /** 0 to 255, 128 + n for signal n; -1 where an old server does not tell which signal it was. */
  exitCode: number
  /** Whether a sandbox probably stood in the way. */
  sandboxDenied: boolean
}

export type Output = Exit & {
  stdout: Uint8Array
  stderr: Uint8Array
  /** All of it in the order it came; of a terminal there is nothing but this. */
  all: Uint8Array
  /** Whether there was more than `maxBytes`: the first bytes are kept. */
  isTruncated: boolean
}

export type ReadOptions = Abortable & { afterSeq?: number; maxBytes?: number; waitMs?: number }
export type ReadResult = {
  chunks: { seq: number; stream: OutputStream; bytes: Uint8Array }[]
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
  sandboxDenied: boolean
}

export type WriteStatus = 'accepted' | 'unknownProcess' | 'stdinClosed' | 'starting'

/** A process on the devbox. It outlives a lost connection that is recovered. `await using` terminates it. */
export type RemoteProcess = AsyncDisposable &
  AsyncIterable<ProcessEvent> & {
    readonly id: string
    /** `none`, or what confines it; undefined where an old server does not tell. */
    readonly sandboxType: string | undefined
    /**
     * Its events in order, from the first on that is kept here or by the server, however late one comes. Any number of readers.
     * Rejects with a DisconnectedError once the connection is gone for good.
     */
    events(options?: Abortable & { afterSeq?: number }): AsyncIterableIterator<ProcessEvent>
    /** What the server keeps after a number; waits up to `waitMs` for something. */
    read(options?: ReadOptions): Promise<ReadResult>
    /** Settles when the server has taken it. Calls may overlap; their order is kept. */
    write(bytes: Uint8Array | string, options?: Abortable): Promise<WriteStatus>
    /** End of file for a stdin that is a pipe. Throws UnsupportedError where the server has no way to. */
    closeStdin(options?: Abortable): Promise<void>
    /** Throws UnsupportedError where the server has no way to. */
    resize(size: TerminalSize, options?: Abortable): Promise<void>
    signal(name?: SignalName, options?: Abortable): Promise<void>
    /** Kills it and all that it started; with a grace it is asked first, where the server can. Tells whether it was running. */
    terminate(options?: Abortable & { graceMs?: number }): Promise<boolean>
    /** Settles when it has exited. Its output may go on. */
    wait(options?: Abortable): Promise<Exit>
    /** Settles when it has closed, with all it wrote. Throws OutputLostError if some of that is gone. */
    output(options?: Abortable & { maxBytes?: number }): Promise<Output>
    /** A write settles when the server has room for more; `close` is an end of file. */
    readonly stdin: WritableStream<Uint8Array>
    /** Each from the first byte on; they fail with OutputLostError, DisconnectedError. Of a terminal everything is stdout. */
    readonly stdout: ReadableStream<Uint8Array>
    readonly stderr: ReadableStream<Uint8Array>
  }

export type FileOptions = Abortable & { sandbox?: Sandbox | undefined; followSymlinks?: boolean | undefined }
export type WalkedEntry = { path: string; kind: 'file' | 'directory' }
export type WalkOutcome = { entries: WalkedEntry[]; errors: { path: string; message: string }[]; truncated: boolean }

/**
 * The devbox's files, as the protocol has them: `remove` and `createDirectory` are recursive unless told otherwise, and `remove` does
 * not mind that nothing is there; `copy` is recursive only if told. A `size` is -1 from servers up to 0.130, which tell none.
 * Paths are absolute, or file: URLs; those that come back are paths. Failures are RpcErrors.
 */
export type RemoteFiles = {
  readFile(path: string | URL, options?: FileOptions): Promise<Uint8Array>
  readTextFile(path: string | URL, options?: FileOptions): Promise<string>
  /** Makes the file, or replaces what is in it. */
  writeFile(path: string | URL, data: Uint8Array | string, options?: FileOptions): Promise<void>
  createDirectory(path: string | URL, options?: FileOptions & { recursive?: boolean }): Promise<void>
  getMetadata(path: string | URL, options?: FileOptions): Promise<Metadata>
  /** Whether something is there. */
  exists(path: string | URL, options?: FileOptions): Promise<boolean>
  readDirectory(path: string | URL, options?: FileOptions): Promise<DirectoryEntry[]>
  remove(path: string | URL, options?: FileOptions & { recursive?: boolean; force?: boolean }): Promise<void>
  copy(
    source: string | URL,
    destination: string | URL,
    options?: Abortable & { recursive?: boolean; sandbox?: Sandbox | undefined },
  ): Promise<void>
  canonicalize(path: string | URL, options?: FileOptions): Promise<string>
  walk(
    path: string | URL,
    options?: FileOptions & {
      maxDepth?: number
      maxDirectories?: number
      maxEntries?: number
      followDirectorySymlinks?: boolean
    },
  ): Promise<WalkOutcome>
  /** The file's bytes as they are read, of any size; block by block where the server can. */
  readStream(path: string | URL, options?: FileOptions & { offset?: number }): ReadableStream<Uint8Array>
  /** Replaces the file by what is written, block by block where the server can. */
  writeStream(path: string | URL, options?: FileOptions): WritableStream<Uint8Array>
}

export type HttpInit = RequestInit & {
  /** A header whose value is `prefix` and a variable of the devbox's own environment. Throws UnsupportedError where the server cannot. */
  headersFromEnvironment?: readonly { name: string; prefix?: string; variable: string }[]
  /** For the whole exchange, its body included. */
  timeoutMs?: number
}

/** `fetch`, made from the devbox. */
export type RemoteFetch = (input: string | URL | Request, init?: HttpInit) => Promise<Response>

export type ClientState = 'connected' | 'recovering' | 'closed'

/** One session on a devbox. `await using` ends it. */
export type ExecClient = AsyncDisposable & {
  readonly sessionId: string
  readonly state: ClientState
  /** What the server told of itself; servers up to 0.140 tell nothing. */
  readonly environmentInfo: EnvironmentInfo | undefined
  /** Features beyond Codex's protocol that this server has. */
  readonly extensions: ReadonlySet<string>
  /** Settles when the session is over for this client, with the reason unless that was `close`. */
  readonly closed: Promise<Error | undefined>
  start(options: StartOptions, abort?: Abortable): Promise<RemoteProcess>
  /** Starts, waits for the end, and tells all that was written. An abort terminates it. */
  run(options: StartOptions, collect?: Abortable & { maxBytes?: number; input?: Uint8Array | string }): Promise<Output>
  readonly fs: RemoteFiles
  readonly fetch: RemoteFetch
  /** Every process of the server, whoever started it. Throws UnsupportedError where the server has no list. */
  listProcesses(abort?: Abortable): Promise<ListedProcess[]>
  /** A handle for a process of the list, beside that of its own client, which is not held up: a slow reader may lag. */
  attach(run: number, abort?: Abortable): Promise<RemoteProcess>
  /** The shell, directories and abilities of the devbox; undefined from servers that have no such method. */
  readInfo(abort?: Abortable): Promise<EnvironmentInfo | undefined>
  /** Any other method of the protocol. */
  call<T>(method: string, params: object | null, abort?: Abortable): Promise<T>
  /** Terminates the processes of this client, and ends the connection. A server that was started for it ends, too. */
  close(): Promise<void>
}

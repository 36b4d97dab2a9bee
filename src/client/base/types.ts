/** The public types of the client library. */
import type { DirectoryEntry, Metadata } from '../../protocol/schemas/fs.ts'
import type { EnvPolicy, ListedProcess, OutputStream, Signal, TerminalSize } from '../../protocol/schemas/process.ts'
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'

export type { DirectoryEntry, EnvironmentInfo, EnvPolicy, ListedProcess, Metadata, OutputStream, Sandbox, TerminalSize }

/** Options of a call that can be cancelled. The promise then rejects with the signal's reason. */
export type Abortable = { signal?: AbortSignal | undefined }

/** A signal sent to a process group. Codex's servers support `interrupt` only. */
export type SignalName = Signal

/** How to start a process: see {@link ExecClient.start}. */
export type StartOptions = {
  /** The program and its arguments. No shell is involved. */
  argv: readonly string[]
  /**
   * Absolute path or file: URL on the devbox. Default: the server's own cwd (`/` for servers up to 0.140, which do not
   * report it).
   */
  cwd?: string | URL | undefined
  /** Added to the variables that `envPolicy` passes on or, without a policy, to the server's whole environment. */
  env?: Readonly<Record<string, string>> | undefined
  /**
   * Which of the server's variables the process inherits. Default: all of them. null: none, and `env` is the exact
   * environment.
   */
  envPolicy?: EnvPolicyInput | null | undefined
  /** Allocates a terminal for stdin, stdout and stderr, with this initial size (default: 24 rows, 80 columns). */
  tty?: boolean | TerminalSize | undefined
  /** `pipe` connects `stdin`. Otherwise, and without a terminal, the process reads end of file. */
  stdin?: 'pipe' | 'closed' | undefined
  /** Overrides argv[0]. */
  arg0?: string | undefined
  sandbox?: Sandbox | undefined
  /** The process's id in its session, as shown by `listProcesses`. Default: a generated id. */
  id?: string | undefined
}

/** Which of the server's variables to inherit, and literal ones to `set`. Name patterns may contain `*` and `?`. */
export type EnvPolicyInput = {
  inherit: 'all' | 'core' | 'none'
  ignoreDefaultExcludes?: boolean
  exclude?: readonly string[]
  set?: Readonly<Record<string, string>>
  includeOnly?: readonly string[]
}

/** A chunk of output. `seq` counts a process's events from 1, without gaps. */
export type OutputEvent = { type: 'output'; seq: number; stream: OutputStream; bytes: Uint8Array }
/** The process has exited. Its descendants may still write output. */
export type ExitedEvent = { type: 'exited'; seq: number; exitCode: number; sandboxDenied: boolean }
/** The last event: all output has been delivered. */
export type ClosedEvent = { type: 'closed'; seq: number }
/**
 * The reader fell behind the client's buffer and continues from the server's. With `lost`, the server's buffer was not
 * enough: the events after `afterSeq` and before `resumesAtSeq` are gone.
 */
export type LagEvent = { type: 'lag'; afterSeq: number; resumesAtSeq: number; lost: boolean }
/** An event of a process, in order of `seq`. */
export type ProcessEvent = OutputEvent | ExitedEvent | ClosedEvent | LagEvent

/** How a process exited. */
export type Exit = {
  /** 0 to 255; 128 + n for signal n; -1 where an old server does not report the signal. */
  exitCode: number
  /** Whether the sandbox probably caused the failure. */
  sandboxDenied: boolean
}

/** A process's exit and its collected output. */
export type Output = Exit & {
  stdout: Uint8Array
  stderr: Uint8Array
  /** stdout and stderr interleaved in order of arrival. The output of a terminal is in here only. */
  all: Uint8Array
  /** Whether the output exceeded `maxBytes`; the first bytes are kept. */
  isTruncated: boolean
}

/** Reads events after `afterSeq`, up to `maxBytes` bytes; waits up to `waitMs` ms if there are none. */
export type ReadOptions = Abortable & { afterSeq?: number; maxBytes?: number; waitMs?: number }
/** Buffered output, the next sequence number, and the state of the process. */
export type ReadResult = {
  chunks: { seq: number; stream: OutputStream; bytes: Uint8Array }[]
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
  sandboxDenied: boolean
}

/** What happened to a write. Anything but `accepted` means that the bytes were not delivered. */
export type WriteStatus = 'accepted' | 'unknownProcess' | 'stdinClosed' | 'starting'

/** A process on the devbox. It survives a lost connection if the client recovers it. `await using` terminates it. */
export type RemoteProcess = AsyncDisposable &
  AsyncIterable<ProcessEvent> & {
    readonly id: string
    /** `none`, or the sandbox in use; undefined where an old server does not report it. */
    readonly sandboxType: string | undefined
    /**
     * The process's events in order, from the oldest that the client or the server still has, for any number of
     * readers.
     * @throws {DisconnectedError} When the connection is lost for good.
     */
    events(options?: Abortable & { afterSeq?: number }): AsyncIterableIterator<ProcessEvent>
    /** Reads what the server has buffered after `afterSeq`. */
    read(options?: ReadOptions): Promise<ReadResult>
    /** Resolves once the server has accepted the bytes. Concurrent calls keep their order. */
    write(bytes: Uint8Array | string, options?: Abortable): Promise<WriteStatus>
    /**
     * Sends end of file.
     * @throws {UnsupportedError} If the server cannot close a piped stdin.
     */
    closeStdin(options?: Abortable): Promise<void>
    /**
     * Resizes the terminal.
     * @throws {UnsupportedError} If the server cannot.
     */
    resize(size: TerminalSize, options?: Abortable): Promise<void>
    /**
     * Sends a signal.
     * @throws {UnsupportedError} If the server does not support this one.
     */
    signal(name?: SignalName, options?: Abortable): Promise<void>
    /**
     * Kills the process and its descendants. With `graceMs`, sends SIGTERM first where the server supports it. Resolves
     * to whether the process was still running.
     */
    terminate(options?: Abortable & { graceMs?: number }): Promise<boolean>
    /** Resolves when the process has exited. More output may follow. */
    wait(options?: Abortable): Promise<Exit>
    /**
     * Resolves with all output once the process has closed.
     * @throws {OutputLostError} If some output is gone.
     */
    output(options?: Abortable & { maxBytes?: number }): Promise<Output>
    /** A write resolves when the server has room for more; `close` sends end of file. */
    readonly stdin: WritableStream<Uint8Array>
    /** The output from the first byte. Fails with OutputLostError or DisconnectedError. A terminal has stdout only. */
    readonly stdout: ReadableStream<Uint8Array>
    readonly stderr: ReadableStream<Uint8Array>
  }

/** Options of file calls. `followSymlinks: false`: a symbolic link is not followed; where a call needs that, it fails. */
export type FileOptions = Abortable & { sandbox?: Sandbox | undefined; followSymlinks?: boolean | undefined }
/** An entry found by `walk`, with its absolute path. */
export type WalkedEntry = { path: string; kind: 'file' | 'directory' }
/** What `walk` found. `truncated`: a limit was reached. */
export type WalkOutcome = { entries: WalkedEntry[]; errors: { path: string; message: string }[]; truncated: boolean }

/**
 * The devbox's file system, with the protocol's defaults: `remove` is recursive and ignores a missing path,
 * `createDirectory` is recursive, `copy` is not. `size` is -1 from servers up to 0.130, which do not report it. Takes
 * absolute paths or file: URLs and returns absolute paths. Rejects with RpcError when the server refuses a call.
 */
export type RemoteFiles = {
  /**
   * The whole file, up to 512 MiB.
   * @throws {RangeError} If it is larger; use `readStream`.
   */
  readFile(path: string | URL, options?: FileOptions): Promise<Uint8Array>
  /** The whole file as UTF-8. A byte order mark is kept. */
  readTextFile(path: string | URL, options?: FileOptions): Promise<string>
  /** Creates or overwrites the file. */
  writeFile(path: string | URL, data: Uint8Array | string, options?: FileOptions): Promise<void>
  createDirectory(path: string | URL, options?: FileOptions & { recursive?: boolean }): Promise<void>
  getMetadata(path: string | URL, options?: FileOptions): Promise<Metadata>
  /** Whether the path exists. */
  exists(path: string | URL, options?: FileOptions): Promise<boolean>
  readDirectory(path: string | URL, options?: FileOptions): Promise<DirectoryEntry[]>
  remove(path: string | URL, options?: FileOptions & { recursive?: boolean; force?: boolean }): Promise<void>
  copy(
    source: string | URL,
    destination: string | URL,
    options?: Abortable & { recursive?: boolean; sandbox?: Sandbox | undefined },
  ): Promise<void>
  /** Resolves symbolic links to an absolute path. */
  canonicalize(path: string | URL, options?: FileOptions): Promise<string>
  /** Lists a directory tree. Directories that cannot be read are in `errors`. */
  walk(
    path: string | URL,
    options?: FileOptions & {
      maxDepth?: number
      maxDirectories?: number
      maxEntries?: number
      followDirectorySymlinks?: boolean
    },
  ): Promise<WalkOutcome>
  /** Streams a file of any size, in blocks where the server supports them. */
  readStream(path: string | URL, options?: FileOptions & { offset?: number }): ReadableStream<Uint8Array>
  /** Overwrites the file with what is written, in blocks where the server supports them. */
  writeStream(path: string | URL, options?: FileOptions): WritableStream<Uint8Array>
}

/** Options of {@link RemoteFetch}, beyond those of `fetch`. */
export type HttpInit = RequestInit & {
  /**
   * Headers with the value `prefix` + an environment variable of the devbox.
   * @throws {UnsupportedError} If the server cannot resolve it.
   */
  headersFromEnvironment?: readonly { name: string; prefix?: string; variable: string }[]
  /** Limit for the whole exchange, including the body, in ms. */
  timeoutMs?: number
}

/** `fetch`, performed on the devbox. */
export type RemoteFetch = (input: string | URL | Request, init?: HttpInit) => Promise<Response>

/** `recovering`: the connection was lost and is being re-established; calls wait. */
export type ClientState = 'connected' | 'recovering' | 'closed'

/** One session on a devbox. `await using` closes it. */
export type ExecClient = AsyncDisposable & {
  readonly sessionId: string
  readonly state: ClientState
  /** The server's description of its environment; undefined from servers up to 0.140. */
  readonly environmentInfo: EnvironmentInfo | undefined
  /** The server's features beyond Codex's protocol. */
  readonly extensions: ReadonlySet<string>
  /** Resolves when the session ends: with the reason, or with undefined after `close`. */
  readonly closed: Promise<Error | undefined>
  /**
   * Starts a process.
   * @throws {RpcError} If the server refuses it.
   */
  start(options: StartOptions, abort?: Abortable): Promise<RemoteProcess>
  /** Starts a process, waits for it and collects its output. An abort terminates it. */
  run(options: StartOptions, collect?: Abortable & { maxBytes?: number; input?: Uint8Array | string }): Promise<Output>
  readonly fs: RemoteFiles
  readonly fetch: RemoteFetch
  /**
   * Every process on the server, of any client.
   * @throws {UnsupportedError} If the server cannot list processes.
   */
  listProcesses(abort?: Abortable): Promise<ListedProcess[]>
  /** A second handle for a listed process. It applies no backpressure: a slow reader may lag. */
  attach(run: number, abort?: Abortable): Promise<RemoteProcess>
  /** The devbox's shell, directories and capabilities; undefined if the server lacks the method. */
  readInfo(abort?: Abortable): Promise<EnvironmentInfo | undefined>
  /**
   * Calls any other method of the protocol.
   * @throws {RpcError}
   * @throws {DisconnectedError}
   */
  call<T>(method: string, params: object | null, abort?: Abortable): Promise<T>
  /** Terminates this client's processes and closes the connection. Also stops a server that was spawned for it. */
  close(): Promise<void>
}

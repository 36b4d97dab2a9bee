/** The public types of processes. */
import type { EnvPolicy, ListedProcess, OutputStream, Signal, TerminalSize } from '../../protocol/schemas/process.ts'
import type { ScreenSnapshot, SnapshotResult, WaitResult } from '../../protocol/schemas/runs.ts'
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'
import type { Abortable } from './abortable.ts'

export type { EnvPolicy, ListedProcess, OutputStream, Sandbox, ScreenSnapshot, TerminalSize, WaitResult }

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
  /** What the process may access. Default: everything. Refused for servers up to 0.140, which would ignore it. */
  sandbox?: Sandbox | undefined
  /**
   * Leaves nothing to the server to resolve, in place of `sandbox` and `envPolicy`: the command gets exactly `argv`, `env` and
   * these paths. With servers that have the extension `prepared`.
   */
  prepared?: PreparedSandbox | undefined
  /**
   * Starts the server's own end of `exec-server cp` instead of `argv`, with servers that have the extension
   * `copyAgent`.
   */
  agent?: 'copy' | undefined
  /** The process's id in its session, as shown by `listProcesses`. Default: a generated id. */
  id?: string | undefined
}

/** What a prepared start may access: the deepest entry decides, and what none names cannot be read. */
export type PreparedSandbox = {
  /** Absolute paths or file: URLs on the devbox. */
  entries: readonly { path: string | URL; access: 'read' | 'write' | 'deny' }[]
  network: 'restricted' | 'enabled'
}

/**
 * Which of the server's variables to inherit: `all`, `core` (such as PATH and HOME) or `none`. Of those, `exclude`
 * removes names, `set` then adds literal values, and `includeOnly`, if not empty, keeps the named ones only. Patterns
 * may contain `*` and `?`. Unless `ignoreDefaultExcludes` is true, names that contain KEY, SECRET or TOKEN are removed.
 */
export type EnvPolicyInput = {
  inherit: 'all' | 'core' | 'none'
  ignoreDefaultExcludes?: boolean
  exclude?: readonly string[]
  set?: Readonly<Record<string, string>>
  includeOnly?: readonly string[]
}

/** A chunk of output. `seq` counts a process's events from 1, without gaps. */
export type OutputEvent = { type: 'output'; seq: number; stream: OutputStream; bytes: Uint8Array }
/** The process has exited. Its descendants may still write output. For `exitCode`, see {@link Exit}. */
export type ExitedEvent = { type: 'exited'; seq: number; exitCode: number; sandboxDenied: boolean }
/** The last event: all output has been delivered. */
export type ClosedEvent = { type: 'closed'; seq: number }
/**
 * The reader fell behind the client's buffer and continues from the server's. With `lost`, the server's buffer was not
 * enough: the events after `afterSeq` and before `resumesAtSeq` are gone.
 */
export type LagEvent = { type: 'lag'; afterSeq: number; resumesAtSeq: number; lost: boolean }
/**
 * An event of a process, in order of `seq`.
 * @example
 * for await (const event of process) {
 *   if (event.type === 'output') console.log(event.stream, event.bytes.length)
 *   if (event.type === 'exited') console.log('exit code', event.exitCode)
 * }
 */
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
  /** The bytes of stdout, or of the terminal. */
  stdout: Uint8Array
  /** The bytes of stderr; empty with a terminal. */
  stderr: Uint8Array
  /** stdout and stderr interleaved in order of arrival. */
  all: Uint8Array
  /** Whether the output exceeded `maxBytes`: the first and the last bytes are kept, see `omitted`. */
  isTruncated: boolean
  /** What is left out of the middle of each; undefined: nothing. */
  omitted: { stdout: Omission | undefined; stderr: Omission | undefined }
}

/** How many bytes are left out, and after how many of those kept. */
export type Omission = { at: number; bytes: number }

/** Reads events after number `afterSeq` (default 0), up to `maxBytes` bytes; waits up to `waitMs` ms if there are none. */
export type ReadOptions = Abortable & { afterSeq?: number; maxBytes?: number; waitMs?: number }
/** Buffered output, the next sequence number, and the state of the process. */
export type ReadResult = {
  /** Output only, in order of `seq`. */
  chunks: { seq: number; stream: OutputStream; bytes: Uint8Array }[]
  /** The number after the last event that the read covers. */
  nextSeq: number
  /** Whether the process has exited. More output may follow. */
  exited: boolean
  /** null while the process runs. See {@link Exit}. */
  exitCode: number | null
  /** Whether all output has been delivered. */
  closed: boolean
  /** Whether the sandbox probably caused the failure. */
  sandboxDenied: boolean
}

/** Both ends of a stream. Nothing is dropped: `head` is all of it. */
export type StreamEnds = {
  head: Uint8Array
  tail: Uint8Array
  totalBytes: number
  /** Bytes that are missing between head and tail. */
  droppedBytes: number
  truncated: boolean
}

/** How a process is, and what it has written. A terminal has `terminal` and `screen` instead of stdout and stderr. */
export type ProcessSnapshot = Omit<SnapshotResult, 'stdout' | 'stderr' | 'terminal' | 'screen'> & {
  stdout: StreamEnds | undefined
  stderr: StreamEnds | undefined
  terminal: StreamEnds | undefined
  screen: ScreenSnapshot | undefined
}

/** `until`: the exit of the root process (the default), or the end of all output. `timeoutMs`: default none. */
export type WaitOptions = Abortable & { until?: 'exit' | 'close'; timeoutMs?: number }

/**
 * Which output of a run to read: from `position` (bytes of output before it), or its last bytes; what was written since
 * a time (a Date, or milliseconds since the epoch). `follow`: until the run has ended.
 */
export type LogOptions = Abortable & {
  follow?: boolean
  position?: number
  lastBytes?: number
  since?: Date | number
}

/** Output of a run, or how much of it is no longer kept at this point. */
export type LogEntry =
  | { type: 'output'; stream: OutputStream; atMs: number; position: number; bytes: Uint8Array }
  | { type: 'dropped'; bytes: number }

/** What happens to the runs of a server. `list` comes first, and again where events were missed. */
export type RunEvent =
  | { type: 'list'; processes: ListedProcess[] }
  | { type: 'started' | 'exited' | 'closed' | 'removed'; process: ListedProcess }
  | { type: 'failed'; process: ListedProcess; message: string }

/** What happened to a write. Anything but `accepted` means that the bytes were not delivered. */
export type WriteStatus = 'accepted' | 'unknownProcess' | 'stdinClosed' | 'starting'

/**
 * A process on the devbox. It survives a lost connection if the client recovers it. `await using` terminates it. All
 * calls reject with RpcError if the server refuses them, and with DisconnectedError if the connection is lost for good.
 * @example
 * await using sort = await client.start({ argv: ['sort'], stdin: 'pipe' })
 * await sort.write('pear\napple\n')
 * await sort.closeStdin()
 * const { stdout } = await sort.output()
 */
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
    /**
     * How it is, and what it has written: both ends of each stream, and the screen of a terminal.
     * @throws {UnsupportedError} If the server cannot tell.
     */
    snapshot(options?: Abortable & { maxBytes?: number }): Promise<ProcessSnapshot>
    /** Writes to stdin. Resolves once the server has accepted the bytes. Concurrent calls keep their order. */
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
     * Sends a signal to the process group. Default: `interrupt`.
     * @throws {UnsupportedError} If the server does not support this one.
     */
    signal(name?: SignalName, options?: Abortable): Promise<void>
    /**
     * Kills the process and its descendants. With `graceMs`, sends SIGTERM first and kills after that many ms, where the
     * server supports it. Resolves to whether the process was still running.
     */
    terminate(options?: Abortable & { graceMs?: number }): Promise<boolean>
    /** Resolves when the process has exited. More output may follow. */
    wait(options?: Abortable): Promise<Exit>
    /**
     * Resolves with the output once the process has closed: all of it, or the first and the last `maxBytes` bytes of it
     * (default 64 MiB).
     * @throws {OutputLostError} If some output is gone.
     */
    output(options?: Abortable & { maxBytes?: number }): Promise<Output>
    /** A write resolves when the server has room for more; `close` sends end of file. */
    readonly stdin: WritableStream<Uint8Array>
    /** The output from the first byte. Fails with OutputLostError or DisconnectedError. A terminal has stdout only. */
    readonly stdout: ReadableStream<Uint8Array>
    /** Like `stdout`. */
    readonly stderr: ReadableStream<Uint8Array>
  }

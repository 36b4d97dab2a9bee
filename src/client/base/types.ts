/** The public types of the client library. */
import type { ListedProcess } from '../../protocol/schemas/process.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import type { Abortable } from './abortable.ts'
import type { RemoteFiles } from './file-types.ts'
import type { ConnectOptions, ConnectTarget, ListeningPort, RemoteConnection, RemoteListener } from './net-types.ts'
import type {
  LogEntry,
  LogOptions,
  Output,
  ProcessSnapshot,
  RemoteProcess,
  RunEvent,
  StartOptions,
  WaitOptions,
  WaitResult,
} from './process-types.ts'

export type * from './abortable.ts'
export type * from './file-types.ts'
export type * from './net-types.ts'
export type * from './process-types.ts'
export type { EnvironmentInfo }

/** Options of {@link RemoteFetch}: those of `fetch`, and more. */
export type HttpInit = RequestInit & {
  /**
   * Headers with the value `prefix` + an environment variable of the devbox.
   * @throws {UnsupportedError} If the server cannot resolve it.
   */
  headersFromEnvironment?: readonly { name: string; prefix?: string; variable: string }[]
  /** Time limit for the whole exchange, including the body, in ms. Default: none. */
  timeoutMs?: number
}

/**
 * `fetch`, performed on the devbox. As in the standard, it rejects with TypeError('fetch failed'), whose cause is the
 * server's error, and a body that breaks off fails with TypeError('terminated'). A lost connection is a
 * DisconnectedError; no request is sent twice. See http/fetch.ts for the differences from the standard.
 * @throws {UnsupportedError} If the server lacks HTTP, or an option.
 * @throws {RangeError} If the body of the request exceeds 47 MiB: it is sent in one message.
 * @example
 * const response = await client.fetch('http://127.0.0.1:8080/', { signal: AbortSignal.timeout(5000) })
 * console.log(response.status, await response.text())
 */
export type RemoteFetch = (input: string | URL | Request, init?: HttpInit) => Promise<Response>

/** `recovering`: the connection was lost and is being re-established; calls wait. */
export type ClientState = 'connected' | 'recovering' | 'closed'

/**
 * One session on a devbox. `await using` closes it. All calls reject with RpcError if the server refuses them, and with
 * DisconnectedError if the connection is lost and the call cannot be repeated.
 * @example
 * await using client = await connect('ws://127.0.0.1:4600')
 * const { exitCode, stdout } = await client.run({ argv: ['uname', '-a'] })
 */
export type ExecClient = AsyncDisposable & {
  /** The session's id on the server. */
  readonly sessionId: string
  /** Whether it is connected now. */
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
  /**
   * Starts a process, writes `input` to its stdin, waits for it and collects its output, the first and the last bytes
   * of it if it has more than `maxBytes` (default 64 MiB). An abort terminates it.
   * @throws {RpcError} If the server refuses the start.
   * @throws {OutputLostError} If some output is gone.
   */
  run(options: StartOptions, collect?: Abortable & { maxBytes?: number; input?: Uint8Array | string }): Promise<Output>
  /**
   * Starts a run that belongs to the server: it goes on without this client, until it ends, is terminated, or the server
   * ends. Closing the client, or disposing of the handle, leaves it alone.
   * @throws {UnsupportedError} If the server has no such runs.
   */
  startDetached(
    options: Omit<StartOptions, 'id'> & { name?: string },
    abort?: Abortable,
  ): Promise<RemoteProcess & { readonly run: number }>
  /**
   * Everything that happens to the runs of the server, no matter who started them, without polling.
   * @throws {UnsupportedError} If the server cannot tell.
   * @example
   * for await (const event of client.processes) if (event.type === 'exited') console.log(event.process.argv)
   */
  readonly processes: AsyncIterable<RunEvent>
  /** The output of a run, by number or name, with times. */
  logs(run: number | string, options?: LogOptions): AsyncIterableIterator<LogEntry>
  /** How a run is, and what it has written. */
  snapshot(run: number | string, options?: Abortable & { maxBytes?: number }): Promise<ProcessSnapshot>
  /** Resolves when a run has exited or closed, or when the time is up. */
  waitFor(run: number | string, options?: WaitOptions): Promise<WaitResult>
  /** Forgets an ended detached run, with its output. */
  removeRun(run: number | string, abort?: Abortable): Promise<void>
  /** The devbox's files. */
  readonly fs: RemoteFiles
  /** HTTP requests made by the devbox. */
  readonly fetch: RemoteFetch
  /**
   * Opens a network connection from the devbox: to a port of its loopback, another host, or a unix socket.
   * @throws {UnsupportedError} If the server makes none.
   * @throws {RpcError} If it is not allowed, or cannot be made.
   * @example
   * const { readable, writable } = await client.connect(5432)
   */
  connect(target: ConnectTarget, options?: ConnectOptions): Promise<RemoteConnection>
  /**
   * Listens on the devbox, on loopback by default, until it is closed or the connection to the server is lost. Port 0 is a free one.
   * @throws {UnsupportedError} If the server does not listen for clients.
   * @throws {RpcError} If it is not allowed, or cannot be done.
   * @example
   * for await (const { readable, writable } of await client.listen(8080)) void readable.pipeTo(writable)
   */
  listen(target: ConnectTarget, abort?: Abortable): Promise<RemoteListener>
  /**
   * The TCP ports that are listened on there, and by whom.
   * @throws {UnsupportedError} If the server cannot tell.
   */
  listPorts(abort?: Abortable): Promise<ListeningPort[]>
  /**
   * Every process on the server, of any client.
   * @throws {UnsupportedError} If the server cannot list processes.
   */
  listProcesses(abort?: Abortable): Promise<ListedProcess[]>
  /**
   * A second handle for the listed process with the number, or name, `run`. It applies no backpressure: a slow reader may lag.
   * @throws {UnsupportedError} If the server cannot attach to processes.
   */
  attach(run: number | string, abort?: Abortable): Promise<RemoteProcess>
  /** The devbox's shell, directories and capabilities; undefined if the server lacks the method. */
  readInfo(abort?: Abortable): Promise<EnvironmentInfo | undefined>
  /**
   * Calls any other method of the protocol. `T` is the type of its result, which is not checked.
   * @throws {RpcError} If the server refuses it.
   * @throws {DisconnectedError} If the connection is lost.
   */
  call<T>(method: string, params: object | null, abort?: Abortable): Promise<T>
  /** Terminates this client's processes and closes the connection. Also stops a server that was spawned for it. */
  close(): Promise<void>
}

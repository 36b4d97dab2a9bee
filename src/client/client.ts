/** The client: one session on a devbox. */
import { Method } from '../protocol/wire/methods.ts'
import type { EnvironmentInfo } from '../protocol/schemas/session.ts'
import { deadline } from './session/abort.ts'
import { UnsupportedError } from './base/errors.ts'
import { createFetch } from './http/fetch.ts'
import { createFiles } from './fs/files.ts'
import { defaultClientLimits } from './base/limits.ts'
import type { ClientLimits } from './base/limits.ts'
import { NetConnections } from './net/net-connections.ts'
import { NetListeners } from './net/net-listeners.ts'
import { listPorts } from './net/ports.ts'
import { followRuns, logs, remove, snapshot, wait } from './process/runs.ts'
import { createProcesses } from './process/processes.ts'
import { Session } from './session/session.ts'
import type { Abortable, ExecClient, Output, StartOptions } from './base/types.ts'
import { call } from './session/unsupported.ts'
import type { Connector } from './transports/transport.ts'

/** Options of `connect`. Times in ms. An abort of `signal` cancels connecting; it does not end an open session. */
export type ClientOptions = Abortable & {
  /** The client's name in the handshake, as `listProcesses` shows it. Default: exec-server-client. */
  clientName?: string | undefined
  /** Time limit for opening the socket. Default: 10 s. */
  connectTimeoutMs?: number | undefined
  /** Time limit for the handshake. Default: 10 s. */
  initializeTimeoutMs?: number | undefined
  /** How long to retry a lost connection. Default: 45 s. 0 disables recovery. */
  recoveryTimeoutMs?: number | undefined
  /**
   * PEM certificates that are trusted for wss://, instead of those that the runtime trusts: an authority's, or the server's
   * own. Not in browsers.
   */
  ca?: string | readonly string[] | undefined
  /** Overrides of other limits; see base/limits.ts. */
  limits?: Partial<ClientLimits> | undefined
}

const DEFAULT_NAME = 'exec-server-client'

/**
 * How long `close` waits for the server to terminate the client's processes. The server does so itself a little later.
 */
const CLOSE_GRACE_MS = 1000

/** The default limits with the options' overrides. */
export function clientLimits({
  connectTimeoutMs,
  initializeTimeoutMs,
  recoveryTimeoutMs,
  limits,
}: ClientOptions): ClientLimits {
  const all = { ...defaultClientLimits, ...limits }
  return {
    ...all,
    connectMs: connectTimeoutMs ?? all.connectMs,
    initializeMs: initializeTimeoutMs ?? all.initializeMs,
    recoveryMs: recoveryTimeoutMs ?? all.recoveryMs,
  }
}

/**
 * Opens a session and returns its client. Leaves nothing behind on failure.
 * @throws {ConnectError} If no connection can be opened.
 * @throws {RpcError} If the server refuses the handshake.
 */
export async function openClient(
  connector: Connector,
  options: ClientOptions,
  limits: ClientLimits,
): Promise<ExecClient> {
  const session = await Session.open({
    connector,
    limits,
    clientName: options.clientName ?? DEFAULT_NAME,
    signal: options.signal,
  })
  const processes = createProcesses(session, limits)
  const connections = new NetConnections(session, limits)
  const listeners = new NetListeners(session, connections)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= shutdown(session, () => processes.terminateAll()))
  const client: ExecClient = {
    get sessionId() {
      return session.sessionId
    },
    get state() {
      return session.state
    },
    get environmentInfo() {
      return session.environmentInfo
    },
    get extensions() {
      return session.extensions
    },
    get closed() {
      return session.closed
    },
    start: (options, abort) => processes.start(options, abort),
    run: (options, collect) => run(client, options, collect),
    startDetached: (options, abort) => processes.startDetached(options, abort),
    get processes() {
      return followRuns(session)
    },
    logs: (run, options) => logs(session, { run }, options),
    snapshot: async (run, options) => snapshot(session, { run }, options),
    waitFor: async (run, options) => wait(session, { run }, options),
    removeRun: (run, abort) => remove(session, { run }, abort),
    fs: createFiles(session, limits),
    fetch: createFetch(session, limits),
    connect: (target, options) => connections.connect(target, options),
    listen: (target, abort) => listeners.listen(target, abort),
    listPorts: (abort) => listPorts(session, abort),
    listProcesses: (abort) => processes.list(abort),
    attach: (number, abort) => processes.attach(number, abort),
    readInfo: (abort) => readInfo(session, abort),
    call: (method, params, { signal } = {}) => session.call(method, params, { signal }),
    close,
    [Symbol.asyncDispose]: close,
  }
  return client
}

async function shutdown(session: Session, terminate: () => Promise<void>): Promise<void> {
  if (session.state === 'connected') {
    const { signal, done } = deadline(CLOSE_GRACE_MS, () => new Error('the server took too long'))
    await Promise.race([terminate(), new Promise((resolve) => signal.addEventListener('abort', resolve))])
    done()
  }
  await session.close()
}

type Collect = Abortable & { maxBytes?: number; input?: Uint8Array | string }

async function run(client: ExecClient, options: StartOptions, collect: Collect = {}): Promise<Output> {
  const { signal, input, ...bounds } = collect
  const process = await client.start(input === undefined ? options : { ...options, stdin: 'pipe' }, { signal })
  try {
    const [output] = await Promise.all([
      process.output({ signal, ...bounds }),
      input === undefined ? undefined : writeInput(process.stdin, input),
    ])
    return output
  } catch (error) {
    void process.terminate().catch(() => {})
    throw error
  }
}

/**
 * Writes all input and closes stdin. A process may exit before reading it all: its exit code then tells the outcome.
 * @throws {UnsupportedError} If the server cannot close stdin.
 */
async function writeInput(stdin: WritableStream<Uint8Array>, input: Uint8Array | string): Promise<void> {
  const writer = stdin.getWriter()
  try {
    await writer.write(typeof input === 'string' ? new TextEncoder().encode(input) : input)
    await writer.close()
  } catch (error) {
    if (error instanceof UnsupportedError) throw error
  }
}

async function readInfo(session: Session, { signal }: Abortable = {}): Promise<EnvironmentInfo | undefined> {
  try {
    return await call<EnvironmentInfo>(session, Method.EnvironmentInfo, null, { signal, repeatable: true })
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined
    throw error
  }
}

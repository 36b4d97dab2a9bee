/** The processes of one client, by id. */
import { messageOf, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Caller, Paths } from '../session/rpc-client.ts'
import { DisconnectedError, ProtocolError, UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { ProcessFeed } from './process-events.ts'
import { closedEvent, exitedEvent, outputEvent, processIdOf } from './process-codec.ts'
import { processHandle } from './process.ts'
import { toSandboxContext } from '../session/sandbox-context.ts'
import type { SequencedEvent } from './sequencer.ts'
import type { Session } from '../session/session.ts'
import type { Abortable, EnvPolicyInput, ListedProcess, RemoteProcess, Sandbox, StartOptions } from '../base/types.ts'
import { call } from '../session/unsupported.ts'

/** How long a read of another client's process waits for events: short enough to detect a dead peer. */
const POLL_MS = 10_000

/** Starts, lists and attaches to processes. */
export type Processes = {
  start(options: StartOptions, abort?: Abortable): Promise<RemoteProcess>
  list(abort?: Abortable): Promise<ListedProcess[]>
  attach(run: number, abort?: Abortable): Promise<RemoteProcess>
  /** Kills the processes that this client started and that still run. */
  terminateAll(): Promise<void>
}

/** Creates the process methods of a session. */
export function createProcesses(session: Session, limits: ClientLimits): Processes {
  const feeds = new Map<string, ProcessFeed>()
  const nonce = crypto.randomUUID()
  let count = 0

  const notified = (method: string, decode: (params: unknown) => SequencedEvent): void => {
    session.onNotification(method, (params) => {
      const id = processIdOf(params)
      const feed = feeds.get(id)
      if (feed === undefined) return
      feed.receive(decode(params))
      if (feed.isOver) feeds.delete(id)
    })
  }
  notified(Method.ProcessOutput, outputEvent)
  notified(Method.ProcessExited, exitedEvent)
  notified(Method.ProcessClosed, closedEvent)

  session.onResumed(async (callNow) => {
    await Promise.all([...feeds].map(([id, feed]) => feed.isStarted && !feed.isForeign && recover(id, feed, callNow)))
  })
  void session.closed.then((error) => {
    for (const feed of feeds.values()) feed.fail(error ?? new DisconnectedError('the client was closed'))
    feeds.clear()
  })

  /** Catches up with a process; if that fails, fails and terminates it. */
  async function recover(id: string, feed: ProcessFeed, callNow: Caller['call']): Promise<void> {
    try {
      await feed.catchUp(callNow)
      if (feed.isOver) feeds.delete(id)
    } catch (error) {
      if (!(error instanceof RpcError) && !(error instanceof ProtocolError)) throw error
      feeds.delete(id)
      feed.fail(new DisconnectedError(`process ${id} could not be recovered: ${messageOf(error)}`))
      terminate(id)
    }
  }

  /** In the background; sent again after a lost connection. */
  function terminate(id: string): Promise<unknown> {
    return session.call(Method.ProcessTerminate, { processId: id }, { repeatable: true, urgent: true }).catch(() => {})
  }

  function open(id: string, mayMiss = false): ProcessFeed {
    if (feeds.has(id)) throw new Error(`this client has a process ${id} already`)
    const isWindowed = !mayMiss && session.extensions.has('outputWindow')
    return new ProcessFeed({ id, caller: session, limits, isWindowed, mayMiss })
  }

  async function start(options: StartOptions, { signal }: Abortable = {}): Promise<RemoteProcess> {
    const id = options.id ?? `${++count}-${nonce}`
    const feed = open(id)
    // Before the request: the first event may arrive before the response.
    feeds.set(id, feed)
    try {
      const params = (paths: Paths): object => startParams(id, options, session, paths, limits)
      const { sandboxType } = await session.call<{ sandboxType?: string }>(Method.ProcessStart, params, { signal })
      feed.started()
      return processHandle({ id, caller: session, limits, feed, isTerminal: isTerminal(options), sandboxType })
    } catch (error) {
      feeds.delete(id)
      feed.fail(error as Error)
      // The process may have started anyway, unless the server itself refused.
      if (!(error instanceof RpcError)) void terminate(id)
      throw error
    }
  }

  async function attach(run: number, { signal }: Abortable = {}): Promise<RemoteProcess> {
    const id = `run-${run}-${++count}-${nonce}`
    const { tty } = await call<{ tty: boolean }>(session, Method.ProcessAttach, { run, processId: id }, { signal })
    const feed = open(id, true)
    feeds.set(id, feed)
    void poll(id, feed)
    return processHandle({ id, caller: session, limits, feed, isTerminal: tty, sandboxType: undefined })
  }

  /** The server sends no notifications about another client's process, so poll it. */
  async function poll(id: string, feed: ProcessFeed): Promise<void> {
    try {
      while (!feed.isOver) feed.merge(await feed.read({ afterSeq: feed.lastSeq, waitMs: POLL_MS }))
    } catch (error) {
      feed.fail(error as Error)
    }
    feeds.delete(id)
  }

  return {
    start,
    attach,
    list: async ({ signal } = {}) => {
      const { processes } = await call<{ processes: ListedProcess[] }>(session, Method.ProcessList, null, {
        signal,
        repeatable: true,
      })
      return processes
    },
    terminateAll: async () => {
      await Promise.all([...feeds].filter(([, feed]) => !feed.isForeign).map(([id]) => terminate(id)))
    },
  }
}

const isTerminal = ({ tty = false }: StartOptions): boolean => tty !== false

/** Default environment policy: inherit all of the server's variables. */
const EVERYTHING: EnvPolicyInput = { inherit: 'all', ignoreDefaultExcludes: true }

function startParams(id: string, options: StartOptions, session: Session, paths: Paths, limits: ClientLimits): object {
  const { argv, cwd, env = {}, envPolicy = EVERYTHING, tty = false, stdin = 'closed', arg0, sandbox } = options
  const { environmentInfo, extensions } = session
  return {
    processId: id,
    argv,
    cwd: paths.toWire(cwd ?? environmentInfo?.cwd ?? '/'),
    env,
    envPolicy:
      envPolicy === null ? null : { ignoreDefaultExcludes: false, exclude: [], set: {}, includeOnly: [], ...envPolicy },
    tty: isTerminal(options),
    pipeStdin: stdin === 'pipe',
    arg0: arg0 ?? null,
    ...(sandbox === undefined ? {} : { sandbox: confinement(sandbox, session, paths) }),
    ...(typeof tty === 'object' ? { terminalSize: tty } : {}),
    ...(extensions.has('outputWindow') ? { outputWindow: limits.outputWindow } : {}),
  }
}

/**
 * Servers up to 0.140, which do not report their environment, ignore a sandbox and run the command without one, so
 * refuse here.
 */
function confinement(sandbox: Sandbox, { environmentInfo }: Session, paths: Paths): object {
  if (environmentInfo === undefined) throw new UnsupportedError('this server runs no command in a sandbox')
  return toSandboxContext(sandbox, paths)
}

/** The processes of one client, by id. */
import { messageOf, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { RpcClient, PathEncoder } from '../session/rpc-client.ts'
import { DisconnectedError, ProtocolError, UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { ProcessEvents } from './process-events.ts'
import { closedEvent, exitedEvent, outputEvent, processIdOf } from './process-codec.ts'
import { processHandle } from './process.ts'
import type { SequencedEvent } from './sequencer.ts'
import type { Session } from '../session/session.ts'
import { isTerminal, startParams } from './start-params.ts'
import type { Abortable, ListedProcess, RemoteProcess, StartOptions } from '../base/types.ts'
import { call } from '../session/unsupported.ts'

/** How long a read of another client's process waits for events: short enough to detect a dead peer. */
const POLL_MS = 10_000

/** Starts, lists and attaches to processes. */
export type Processes = {
  start(options: StartOptions, abort?: Abortable): Promise<RemoteProcess>
  list(abort?: Abortable): Promise<ListedProcess[]>
  startDetached(
    options: StartOptions & { name?: string },
    abort?: Abortable,
  ): Promise<RemoteProcess & { readonly run: number }>
  attach(run: number | string, abort?: Abortable): Promise<RemoteProcess>
  /** Kills the processes that this client started and that still run. */
  terminateAll(): Promise<void>
}

/** Creates the process methods of a session. */
export function createProcesses(session: Session, limits: ClientLimits): Processes {
  const eventsById = new Map<string, ProcessEvents>()
  const nonce = crypto.randomUUID()
  let count = 0

  const handleNotification = (method: string, decode: (params: unknown) => SequencedEvent): void => {
    session.onNotification(method, (params) => {
      const id = processIdOf(params)
      const events = eventsById.get(id)
      if (events === undefined) return
      events.receive(decode(params))
      if (events.isOver) eventsById.delete(id)
    })
  }
  handleNotification(Method.ProcessOutput, outputEvent)
  handleNotification(Method.ProcessExited, exitedEvent)
  handleNotification(Method.ProcessClosed, closedEvent)

  session.onResumed(async (callDirectly) => {
    await Promise.all(
      [...eventsById].map(([id, events]) => events.isStarted && !events.isForeign && recover(id, events, callDirectly)),
    )
  })
  void session.closed.then((error) => {
    for (const events of eventsById.values()) events.fail(error ?? new DisconnectedError('the client was closed'))
    eventsById.clear()
  })

  /** Catches up with a process; if that fails, fails and terminates it. */
  async function recover(id: string, events: ProcessEvents, callDirectly: RpcClient['call']): Promise<void> {
    try {
      await events.catchUp(callDirectly)
      if (events.isOver) eventsById.delete(id)
    } catch (error) {
      if (!(error instanceof RpcError) && !(error instanceof ProtocolError)) throw error
      eventsById.delete(id)
      events.fail(new DisconnectedError(`process ${id} could not be recovered: ${messageOf(error)}`))
      terminate(id)
    }
  }

  /** In the background; sent again after a lost connection. */
  function terminate(id: string): Promise<unknown> {
    return session.call(Method.ProcessTerminate, { processId: id }, { repeatable: true, urgent: true }).catch(() => {})
  }

  /** `onWanted`: for a process of another client, or of the server. */
  function open(id: string, onWanted?: () => void): ProcessEvents {
    if (eventsById.has(id)) throw new Error(`this client has a process ${id} already`)
    const isForeign = onWanted !== undefined
    const isWindowed = !isForeign && session.extensions.has('outputWindow')
    return new ProcessEvents({
      id,
      rpc: session,
      limits,
      isWindowed,
      isForeign,
      ...(isForeign ? { onWanted } : {}),
    })
  }

  async function start(options: StartOptions, { signal }: Abortable = {}): Promise<RemoteProcess> {
    const id = options.id ?? `${++count}-${nonce}`
    const events = open(id)
    // Before the request: the first event may arrive before the response.
    eventsById.set(id, events)
    try {
      const params = (paths: PathEncoder): object => startParams(id, options, session, paths, limits)
      const { sandboxType } = await session.call<{ sandboxType?: string }>(Method.ProcessStart, params, { signal })
      events.started()
      return processHandle({ id, rpc: session, limits, events, isTerminal: isTerminal(options), sandboxType })
    } catch (error) {
      eventsById.delete(id)
      events.fail(error as Error)
      // The process may have started anyway, unless the server itself refused.
      if (!(error instanceof RpcError)) void terminate(id)
      throw error
    }
  }

  async function startDetached(
    { name, ...options }: StartOptions & { name?: string },
    { signal }: Abortable = {},
  ): Promise<RemoteProcess & { readonly run: number }> {
    if (!session.extensions.has('detached')) throw new UnsupportedError('this server has no runs without a client')
    const id = `detached-${++count}-${nonce}`
    const params = (paths: PathEncoder): object => {
      const { outputWindow: _, ...rest } = startParams(id, options, session, paths, limits)
      return { ...rest, detached: { name: name ?? null } }
    }
    const { run, sandboxType } = await session.call<{ run: number; sandboxType?: string }>(
      Method.ProcessStart,
      params,
      { signal },
    )
    return Object.assign(foreignHandle(id, isTerminal(options), sandboxType), { run })
  }

  async function attach(run: number | string, { signal }: Abortable = {}): Promise<RemoteProcess> {
    const id = `run-${run}-${++count}-${nonce}`
    const { tty } = await call<{ tty: boolean }>(session, Method.ProcessAttach, { run, processId: id }, { signal })
    return foreignHandle(id, tty, undefined, false)
  }

  /** The handle of a process whose events are read, not sent: from the first reader on, so that an unused one costs nothing. */
  function foreignHandle(
    id: string,
    isTerminal: boolean,
    sandboxType: string | undefined,
    isDetached = true,
  ): RemoteProcess {
    const onWanted = (): void => {
      if (eventsById.has(id) || events.isOver) return
      eventsById.set(id, events)
      void poll(id, events)
    }
    const events = open(id, onWanted)
    return processHandle({ id, rpc: session, limits, events, isTerminal, sandboxType, isDetached })
  }

  /** The server sends no notifications about another client's process, so poll it. */
  async function poll(id: string, events: ProcessEvents): Promise<void> {
    try {
      while (!events.isOver) events.merge(await events.read({ afterSeq: events.lastSeq, waitMs: POLL_MS }))
    } catch (error) {
      events.fail(error as Error)
    }
    eventsById.delete(id)
  }

  return {
    start,
    startDetached,
    attach,
    list: async ({ signal } = {}) => {
      const { processes } = await call<{ processes: ListedProcess[] }>(session, Method.ProcessList, null, {
        signal,
        repeatable: true,
      })
      return processes
    },
    terminateAll: async () => {
      await Promise.all([...eventsById].filter(([, events]) => !events.isForeign).map(([id]) => terminate(id)))
    },
  }
}

/** The places where work can be done, by name: this process, and devboxes. Each is connected when it is first used. */
import type { ClientOptions } from '../client.ts'
import type { Abortable, ExecClient } from '../base/types.ts'
import { EnvironmentConfigError, EnvironmentUnavailableError } from './errors.ts'
import { shareClient } from './shared-client.ts'
import type { EnvironmentStatus, SharedClient } from './shared-client.ts'
import { checkSpec } from './spec.ts'
import type { CommandTarget, EnvironmentSettings, EnvironmentSpec, LocalTarget, WebSocketTarget } from './spec.ts'

/** Makes one client; see connect.ts. */
export type Connect = (
  target: LocalTarget | WebSocketTarget | CommandTarget,
  options: ClientOptions,
) => Promise<ExecClient>

export type Environment = {
  readonly id: string
  readonly kind: 'local' | 'remote'
  readonly isDefault: boolean
  /** `connected` also while a lost connection is being recovered. */
  readonly status: EnvironmentStatus
  /** Why the last attempt failed, or the last connection came to its end; gone with the next success. */
  readonly lastError: Error | undefined
  /**
   * Its client, which all users share: close it, and it is closed for all. Connects if need be, once for all who ask meanwhile;
   * who comes after a failure tries again, so that a devbox that appears later is found. A client whose session is over is replaced
   * by one with a fresh session; a server that was started as a command is started again. An abort gives up one's own waiting, and
   * the attempt when nobody waits any more.
   * Rejects with EnvironmentUnavailableError: nothing else ever takes the environment's place.
   */
  client(options?: Abortable): Promise<ExecClient>
  /** Connects now, ahead of the first use. */
  prepare(options?: Abortable): Promise<void>
}

/** `await using` closes every client. */
export type EnvironmentManager = AsyncDisposable & {
  readonly ids: readonly string[]
  get(id: string): Environment | undefined
  /** Undefined where none is meant to be used unless it is asked for. Throws EnvironmentConfigError once the default was removed. */
  default(): Environment | undefined
  /** Connects all side by side. Settles when each is connected or has failed; `status` and `lastError` tell which. */
  prepare(options?: Abortable): Promise<void>
  /** Throws EnvironmentConfigError for an id that cannot be, or is in use. */
  add(spec: EnvironmentSpec): Environment
  /** Closes its client. Tells whether there was one of this id. */
  remove(id: string): Promise<boolean>
  close(): Promise<void>
}

export type EnvironmentManagerOptions = EnvironmentSettings & {
  connect: Connect
  /** For every client; the timeouts of an environment come first. */
  client?: Omit<ClientOptions, 'signal'> | undefined
}

type Entry = { environment: Environment; shared: SharedClient }

/** Throws EnvironmentConfigError for settings that make no sense. Connects to nothing. */
export function createEnvironmentManager({
  environments,
  defaultId,
  connect,
  client = {},
}: EnvironmentManagerOptions): EnvironmentManager {
  const entries = new Map<string, Entry>()
  let isClosed = false

  function add(spec: EnvironmentSpec): Environment {
    if (isClosed) throw new Error('the environments are closed')
    checkSpec(spec)
    if (entries.has(spec.id)) throw new EnvironmentConfigError(`there is an environment \`${spec.id}\` already`)
    const shared = shareClient((signal) => open(spec, signal))
    const environment = environmentOf(spec, shared, defaultId)
    entries.set(spec.id, { environment, shared })
    return environment
  }

  async function open(spec: EnvironmentSpec, signal: AbortSignal): Promise<ExecClient> {
    const { id, connectTimeoutMs, initializeTimeoutMs, ...target } = spec
    try {
      return await connect(target, {
        ...client,
        connectTimeoutMs: connectTimeoutMs ?? client.connectTimeoutMs,
        initializeTimeoutMs: initializeTimeoutMs ?? client.initializeTimeoutMs,
        signal,
      })
    } catch (error) {
      throw new EnvironmentUnavailableError(id, error)
    }
  }

  const end = ({ environment, shared }: Entry, reason: string): Promise<void> =>
    shared.end(new EnvironmentUnavailableError(environment.id, reason))

  async function close(): Promise<void> {
    isClosed = true
    const ends = await Promise.allSettled(
      Array.from(entries.values(), (entry) => end(entry, 'the environments are closed')),
    )
    for (const each of ends) if (each.status === 'rejected') throw each.reason
  }

  environments.forEach(add)
  if (defaultId !== undefined && !entries.has(defaultId)) {
    throw new EnvironmentConfigError(`the default must be the id of an environment, and not \`${defaultId}\``)
  }
  return {
    get ids() {
      return [...entries.keys()]
    },
    get: (id) => entries.get(id)?.environment,
    default: () => {
      if (defaultId === undefined) return undefined
      const entry = entries.get(defaultId)
      // Undefined would read as "no default is meant", after which a program may well run things where it is itself.
      if (entry === undefined) throw new EnvironmentConfigError(`the default environment \`${defaultId}\` was removed`)
      return entry.environment
    },
    prepare: async ({ signal } = {}) => {
      await Promise.allSettled(Array.from(entries.values(), ({ environment }) => environment.prepare({ signal })))
      signal?.throwIfAborted()
    },
    add,
    remove: async (id) => {
      const entry = entries.get(id)
      if (entry === undefined) return false
      // At once: who adds it again need not wait for the end of this one.
      entries.delete(id)
      await end(entry, 'it was removed')
      return true
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function environmentOf(spec: EnvironmentSpec, shared: SharedClient, defaultId: string | undefined): Environment {
  return {
    id: spec.id,
    kind: 'local' in spec ? 'local' : 'remote',
    isDefault: spec.id === defaultId,
    get status() {
      return shared.status
    },
    get lastError() {
      return shared.lastError
    },
    client: ({ signal } = {}) => shared.get(signal),
    prepare: async ({ signal } = {}) => void (await shared.get(signal)),
  }
}

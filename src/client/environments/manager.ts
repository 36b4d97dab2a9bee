/** Environments by name: this process, and devboxes. Each is connected on first use. */
import type { ClientOptions } from '../client.ts'
import type { Abortable, ExecClient } from '../base/types.ts'
import { EnvironmentConfigError, EnvironmentUnavailableError } from './errors.ts'
import { shareClient } from './shared-client.ts'
import type { EnvironmentStatus, SharedClient } from './shared-client.ts'
import { checkSpec } from './spec.ts'
import type { CommandTarget, EnvironmentSettings, EnvironmentSpec, LocalTarget, WebSocketTarget } from './spec.ts'

/** Opens a client, like `connect`. Must leave nothing behind when `options.signal` is aborted. */
export type Connect = (
  target: LocalTarget | WebSocketTarget | CommandTarget,
  options: ClientOptions,
) => Promise<ExecClient>

/** A named place to run work: this process's machine or a devbox. */
export type Environment = {
  /** Its name in the configuration. */
  readonly id: string
  /** `local`: this process's machine. */
  readonly kind: 'local' | 'remote'
  /** Whether it is the one that `EnvironmentManager.default` returns. */
  readonly isDefault: boolean
  /** Also `connected` while a lost connection is being recovered. */
  readonly status: EnvironmentStatus
  /** Why the last attempt failed or the last session ended. Cleared by the next success. */
  readonly lastError: Error | undefined
  /**
   * The environment's client, shared by all users: closing it closes it for all. Connects if needed, once for all
   * concurrent callers. After a failure the next call tries again; after the session has ended it opens a new one, and
   * starts a command's server again. An abort cancels this caller's wait, and the attempt itself once no caller is
   * left.
   * @throws {EnvironmentUnavailableError} If it cannot connect. There is no fallback to another environment.
   */
  client(options?: Abortable): Promise<ExecClient>
  /**
   * Connects ahead of the first use.
   * @throws {EnvironmentUnavailableError} If it cannot connect.
   */
  prepare(options?: Abortable): Promise<void>
}

/**
 * A set of environments. `await using` closes every client.
 * @example
 * await using environments = await loadEnvironmentManager()
 * const client = await environments.default()?.client()
 */
export type EnvironmentManager = AsyncDisposable & {
  /** The ids of all environments, in the order of the configuration. */
  readonly ids: readonly string[]
  /** The environment with this id; undefined if there is none. */
  get(id: string): Environment | undefined
  /**
   * The default environment; undefined if there is none, so that one must be chosen by id.
   * @throws {EnvironmentConfigError} If the default was removed.
   */
  default(): Environment | undefined
  /**
   * Connects all environments concurrently. Resolves when each has connected or failed; see `status` and `lastError`.
   */
  prepare(options?: Abortable): Promise<void>
  /**
   * Adds an environment.
   * @throws {EnvironmentConfigError} If it is invalid or its id is in use.
   */
  add(spec: EnvironmentSpec): Environment
  /** Removes an environment and closes its client. Resolves to whether it existed. */
  remove(id: string): Promise<boolean>
  /** Closes every client; later `client` calls reject. Resolves when all have ended. */
  close(): Promise<void>
}

/** Options of {@link createEnvironmentManager}. */
export type EnvironmentManagerOptions = EnvironmentSettings & {
  connect: Connect
  /** Options for every client. An environment's own timeouts take precedence. */
  client?: Omit<ClientOptions, 'signal'> | undefined
}

type Entry = { environment: Environment; shared: SharedClient }

/**
 * Creates a manager without connecting.
 * @throws {EnvironmentConfigError} If the settings are invalid.
 * @example
 * const environments = [{ id: 'devbox', url: 'ws://127.0.0.1:4600' }]
 * await using manager = createEnvironmentManager({ environments, defaultId: 'devbox', connect })
 */
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
      // Undefined would mean "no default", and the program might then run things locally.
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
      // Remove the entry first, so that the id can be reused at once.
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

/** Environment specs and their validation, independent of where they are configured. */
import { EnvironmentConfigError } from './errors.ts'
import { trimmed } from './trim-rust.ts'

/** This process: commands run on its machine. */
export type LocalTarget = { local: true }

/** A server at a URL. */
export type WebSocketTarget = {
  /** ws://, wss:// or unix:/PATH. */
  url: string | URL
  /** Headers of the upgrade request. Require wss:// or this machine. */
  headers?: Readonly<Record<string, string>> | undefined
}

/** A server that is spawned here and used over stdin and stdout. */
export type CommandTarget = {
  command: readonly [program: string, ...args: string[]]
  cwd?: string | undefined
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>> | undefined
}

/**
 * An environment: id, target and timeouts in ms.
 * @example
 * { id: 'devbox', url: 'wss://devbox.example', headers: { authorization: 'Bearer …' } }
 * { id: 'container', command: ['docker', 'exec', '-i', 'box', 'exec-server', '--listen', 'stdio'] }
 */
export type EnvironmentSpec = {
  /** `local` for this process only; otherwise 1 to 64 characters of `A-Za-z0-9_-`, and not `none`. */
  id: string
  /** Time limit for opening the socket, in ms. Default: that of the manager's `client` options. */
  connectTimeoutMs?: number | undefined
  /** Time limit for the handshake, in ms. Default: likewise. */
  initializeTimeoutMs?: number | undefined
} & (LocalTarget | WebSocketTarget | CommandTarget)

/** A set of environments and its default. */
export type EnvironmentSettings = {
  /** Ids must be unique. */
  environments: readonly EnvironmentSpec[]
  /** Absent if an environment must always be chosen by id. */
  defaultId?: string | undefined
}

/** The id of this process's environment. */
export const LOCAL = 'local'
/** The environment of this process. */
export const localSpec: EnvironmentSpec = { id: LOCAL, local: true }

const MAX_ID = 64

/** Whether the text is `none`, in any case. */
export const isNone = (text: string): boolean => /^none$/i.test(text)

/**
 * Validates the id of a user-defined environment.
 * @throws {EnvironmentConfigError} If it is invalid.
 */
export function checkId(id: string): void {
  const fail = (reason: string): never => {
    throw new EnvironmentConfigError(`an environment's id ${reason}`)
  }
  if (trimmed(id) === '') fail('must not be empty')
  if (trimmed(id) !== id) fail(`must have no white space around it: \`${id}\``)
  if (id === LOCAL || isNone(id)) fail(`must not be \`${id}\`, which is reserved`)
  if (!/^[A-Za-z0-9_-]*$/.test(id)) fail(`may hold the letters A to Z, digits, \`-\` and \`_\` only: \`${id}\``)
  if (id.length > MAX_ID) fail(`may have at most ${MAX_ID} characters: \`${id}\``)
}

/**
 * Validates a spec. The URL is only checked on use.
 * @throws {EnvironmentConfigError} If it is invalid.
 */
export function checkSpec(spec: EnvironmentSpec): void {
  if ('local' in spec) {
    if (spec.id !== LOCAL)
      throw new EnvironmentConfigError(`the environment of this process is called \`${LOCAL}\`, not \`${spec.id}\``)
    return
  }
  checkId(spec.id)
  const fail = (reason: string): never => {
    throw new EnvironmentConfigError(`environment \`${spec.id}\`: ${reason}`)
  }
  if ('command' in spec) {
    if (trimmed(spec.command[0]) === '') fail('the program must not be empty')
    return
  }
  const url = trimmed(String(spec.url))
  if (url === '' || isNone(url)) fail('`url` must be a ws://, wss:// or unix: URL')
}

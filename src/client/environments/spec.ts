/** An environment as it is configured, wherever that is done, and the rules that hold for all. */
import { EnvironmentConfigError } from './errors.ts'
import { trimmed } from './trim-rust.ts'

/** This process itself: commands run on the machine that the program runs on. */
export type LocalTarget = { local: true }

export type WebSocketTarget = {
  /** ws://, wss:// or unix:/PATH. */
  url: string | URL
  /** Sent with the upgrade of every connection; over wss:// or to this machine only. */
  headers?: Readonly<Record<string, string>> | undefined
}

/** A server that is started here and spoken to by its stdin and stdout. */
export type CommandTarget = {
  command: readonly [program: string, ...args: string[]]
  cwd?: string | undefined
  /** Added to the environment of this process. */
  env?: Readonly<Record<string, string>> | undefined
}

export type EnvironmentSpec = {
  /** `local` for this process, and for nothing else; otherwise up to 64 of `A-Za-z0-9_-`, but not `none`. */
  id: string
  connectTimeoutMs?: number | undefined
  initializeTimeoutMs?: number | undefined
} & (LocalTarget | WebSocketTarget | CommandTarget)

export type EnvironmentSettings = {
  environments: readonly EnvironmentSpec[]
  /** Absent where nothing is to be used unless it is asked for by name. */
  defaultId?: string | undefined
}

export const LOCAL = 'local'
export const localSpec: EnvironmentSpec = { id: LOCAL, local: true }

const MAX_ID = 64

export const isNone = (text: string): boolean => /^none$/i.test(text)

/** Throws EnvironmentConfigError for what cannot name an environment of the user's. */
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

/** Whether a spec by hand can be one. What its URL leads to shows when it is used. Throws EnvironmentConfigError. */
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

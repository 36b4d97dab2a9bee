/** The environment of an MCP server: minimal, as it is third-party code. */
import type { StartOptions } from '../base/types.ts'

/** Which variables an MCP server gets. */
export type ServerVariables = {
  /** Literal values. */
  env?: Readonly<Record<string, string>> | undefined
  /** Names of this program's variables to pass on; unset ones are skipped. */
  envVars?: readonly string[] | undefined
  /** Names of the devbox's variables to pass on, beyond the basic ones. Their values never leave the devbox. */
  remoteEnvVars?: readonly string[] | undefined
}

/** What Codex 0.169 passes on in addition to the requested names. */
const BASE = [
  'HOME',
  'LOGNAME',
  'PATH',
  'SHELL',
  'USER',
  '__CF_USER_TEXT_ENCODING',
  'LANG',
  'LC_ALL',
  'TERM',
  'TMPDIR',
  'TZ',
  'SYSTEMROOT',
  'TEMP',
  'TMP',
  'SYSTEMDRIVE',
  'LOCALAPPDATA',
]

/** Servers interpret patterns: a `*` would pass everything on. */
const NO_NAME = /[*?=\0]|^$/

type Variables = Required<Pick<StartOptions, 'env' | 'envPolicy'>>

/**
 * Builds `env` and `envPolicy` for the start.
 * @throws {TypeError} If a name is invalid.
 */
export function serverVariables({ env = {}, envVars = [], remoteEnvVars = [] }: ServerVariables): Variables {
  for (const name of [...envVars, ...remoteEnvVars])
    if (NO_NAME.test(name)) throw new TypeError(`not the name of a variable: \`${name}\``)
  const own = ownVariables()
  const taken = envVars.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]] as const]))
  const named: Variables['envPolicy'] = {
    inherit: 'all',
    ignoreDefaultExcludes: true,
    includeOnly: [...BASE, ...remoteEnvVars],
  }
  return {
    env: { ...Object.fromEntries(taken), ...env },
    envPolicy: remoteEnvVars.length === 0 ? { inherit: 'core' } : named,
  }
}

/** Empty in a browser. */
function ownVariables(): Readonly<Record<string, string | undefined>> {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  return process?.env ?? {}
}

/** The variables that an MCP server is started with: few, as it is somebody else's program. */
import type { StartOptions } from '../base/types.ts'

export type ServerVariables = {
  /** Literal values. */
  env?: Readonly<Record<string, string>> | undefined
  /** Names of variables of this program, to be given to the server; those that it does not have are left out. */
  envVars?: readonly string[] | undefined
  /** Names of variables of the devbox, beyond those that every program there needs. They never come here. */
  remoteEnvVars?: readonly string[] | undefined
}

/** What Codex 0.169 lets through beside the names that are asked for. */
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

/** Servers read patterns: a `*` would let everything through. */
const NO_NAME = /[*?=\0]|^$/

type Variables = Required<Pick<StartOptions, 'env' | 'envPolicy'>>

/** Throws TypeError for what is no name. */
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

/** None in a browser. */
function ownVariables(): Readonly<Record<string, string | undefined>> {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } }
  return process?.env ?? {}
}

/** The options that select the devbox, and what the client commands share in parsing. */
import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import { messageOf } from '../../client/base/errors.ts'
import { displayUrl, parseWebSocketUrl } from '../../client/transports/target-url.ts'
import { usageError } from '../base/parse-options.ts'

export { parseOptions, usageError } from '../base/parse-options.ts'

/** Options that select the devbox, and --help, for `parseArgs`. */
export const targetOptions = {
  url: { type: 'string' },
  env: { type: 'string' },
  local: { type: 'boolean' },
  'bearer-token-file': { type: 'string' },
  'tls-ca': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Help text of `targetOptions`. */
export const TARGET_HELP = `  --url URL                 the server: ws://HOST:PORT, wss://…, unix:/PATH, or a capability URL
  --env ID                  an environment of $CODEX_HOME/environments.toml; without --url and --env the default one, which
                            CODEX_EXEC_SERVER_URL names if there is no such file
  --local                   this machine, which is never used unless it is named
  --bearer-token-file PATH  the token that the server of --url asks for
  --tls-ca FILE             trust only the certificates in this PEM file: an authority's, or the server's own (default: those
                            that this machine trusts)
  -h, --help                show this text
`

/** Parsed values of `targetOptions`. */
export type TargetValues = {
  url?: string | undefined
  env?: string | undefined
  local?: boolean | undefined
  'bearer-token-file'?: string | undefined
  'tls-ca'?: string | undefined
}

type Split = { own: readonly string[]; command: readonly string[]; isSeparated: boolean }

/** Splits our options from a command with its own: it starts at the first positional argument, or after `--`. */
export function splitCommand(args: readonly string[], options: ParseArgsOptionsConfig): Split {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true })
  const first = tokens.find(({ kind }) => kind !== 'option')
  if (first === undefined) return { own: args, command: [], isSeparated: false }
  const isSeparated = first.kind === 'option-terminator'
  return {
    own: args.slice(0, first.index),
    command: args.slice(isSeparated ? first.index + 1 : first.index),
    isSeparated,
  }
}

/**
 * Checks the target options against each other.
 * @throws {UsageError} if they conflict
 */
export function checkTarget(values: TargetValues): void {
  const named = (['url', 'env', 'local'] as const).filter((name) => values[name] !== undefined)
  if (named.length > 1) throw usageError(`${named.map((name) => `--${name}`).join(' and ')} name two devboxes`)
  const { url, env, local, 'bearer-token-file': tokenFile, 'tls-ca': authorities } = values
  if (env?.includes('=') === true)
    throw usageError('--env names an environment', `a variable of the command is -e ${env}`)
  if (url !== undefined) checkUrl(url)
  const isPlain = url !== undefined && !url.startsWith('wss:')
  if (authorities !== undefined && (isPlain || local === true)) throw usageError('--tls-ca is for a server at wss://')
  if (tokenFile !== undefined && url === undefined) throw usageError('--bearer-token-file is for the server of --url')
}

function checkUrl(url: string): void {
  const fault = faultOf(url)
  if (fault === undefined) return
  const meant = `ws://${url.replace(/^[a-z]+:\/\//i, '')}`
  throw usageError(fault, ...(faultOf(meant) === undefined ? [`did you mean --url ${displayUrl(meant)}?`] : []))
}

/** Why it is no URL of a server; undefined if it is one. */
function faultOf(url: string): string | undefined {
  try {
    parseWebSocketUrl(url)
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

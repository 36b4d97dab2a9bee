/**
 * Builds a child's environment: the request's variables on top of what an optional policy inherits from the server's
 * own.
 */
import { invalidParams } from '../../protocol/wire/errors.ts'
import type { EnvPolicy } from '../../protocol/schemas/process.ts'

type Env = ReadonlyMap<string, string>

/** The variables of `inherit: core` on Unix, compared case-insensitively. */
const CORE = new Set([
  'PATH',
  'SHELL',
  'TMPDIR',
  'TEMP',
  'TMP',
  'HOME',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'LOGNAME',
  'USER',
])

const DEFAULT_EXCLUDES = ['*KEY*', '*SECRET*', '*TOKEN*']

/**
 * Credentials of the agent's own infrastructure: never passed to a child, even on request. Compared case-insensitively.
 */
const DENIED = new Set([
  'CODEX_EXEC_SERVER_NOISE_AUTH_TOKEN',
  'CODEX_EXEC_SERVER_EXIT_ON_STDIN_CLOSE',
  'NODE_REPL_AUTH_TOKEN',
  'OPENAI_FEDERATION_RULE_ID',
  'OPENAI_IDENTITY_TOKEN_FILE',
  'OPENAI_WORKLOAD_IDENTITY_CONTEXT',
])

/**
 * Applies the steps in the protocol's order: inherit, default excludes, excludes, set, include-only, request. Excludes
 * do not affect `set`; include-only does; only the deny list affects the request's own variables.
 * @throws -32602 if the patterns are too expensive to match.
 */
export function childEnvironment(server: Env, policy: EnvPolicy | null | undefined, request: Env): Map<string, string> {
  const env = policy ? applyPolicy(server, policy) : new Map<string, string>()
  for (const [name, value] of request) env.set(name, value)
  return withoutDenied(env)
}

/** Leaves out the credentials that no child gets. */
export function withoutDenied(env: Env): Map<string, string> {
  return keep(env, (name) => !DENIED.has(asciiUpperCase(name)))
}

/** Maximum of pattern characters times name characters to match, some 30 ms; real policies need a tenth of it. */
const MAX_MATCHING_WORK = 10_000_000

function applyPolicy(server: Env, policy: EnvPolicy): Map<string, string> {
  const work =
    characters([...policy.exclude, ...policy.includeOnly]) * characters([...server.keys(), ...policy.set.keys()])
  if (work > MAX_MATCHING_WORK) throw invalidParams('envPolicy has too many or too long patterns')
  const excludes = [...(policy.ignoreDefaultExcludes ? [] : DEFAULT_EXCLUDES), ...policy.exclude].map(wildcard)
  const inherited = keep(
    server,
    (name) => isInherited(name, policy.inherit) && !excludes.some((matches) => matches(name)),
  )
  for (const [name, value] of policy.set) inherited.set(name, value)
  if (policy.includeOnly.length === 0) return inherited
  const includes = policy.includeOnly.map(wildcard)
  return keep(inherited, (name) => includes.some((matches) => matches(name)))
}

function characters(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0)
}

function isInherited(name: string, inherit: EnvPolicy['inherit']): boolean {
  return inherit === 'all' || (inherit === 'core' && CORE.has(asciiUpperCase(name)))
}

/** ASCII only: `toUpperCase` would turn `ſ` into an `S`. */
function asciiUpperCase(name: string): string {
  return name.replace(/[a-z]+/g, (letters) => letters.toUpperCase())
}

function keep(env: Env, wanted: (name: string) => boolean): Map<string, string> {
  return new Map([...env].filter(([name]) => wanted(name)))
}

/**
 * Compiles a case-insensitive pattern that matches a whole name: `*` is any run of characters, `?` exactly one.
 * Backtracks to the last `*` only, so a hostile pattern cannot take exponential time.
 */
export function wildcard(pattern: string): (name: string) => boolean {
  const wanted = Array.from(pattern.toLowerCase())
  return (text) => {
    const name = Array.from(text.toLowerCase())
    let [p, n, star, mark] = [0, 0, -1, 0]
    while (n < name.length) {
      if (wanted[p] === '*') [star, mark] = [p++, n]
      else if (p < wanted.length && (wanted[p] === '?' || wanted[p] === name[n])) [p, n] = [p + 1, n + 1]
      else if (star >= 0) [p, n] = [star + 1, ++mark]
      else return false
    }
    while (wanted[p] === '*') p++
    return p === wanted.length
  }
}

/**
 * What network connections may reach, and where may be listened: `--forward-policy`. Rules are those of `--http-policy`
 * and, for unix sockets, absolute paths: a socket, or a directory with all below.
 *
 *     {"allow": ["127.0.0.0/8", "::1", "db.corp.example", "/run/app"], "deny": ["/run/app/admin.sock"]}
 *
 * Without rules, loopback and unix sockets are allowed, as far as `--http-policy`, if there is one, allows the address.
 */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { isLoopbackAddress } from '../../base/loopback.ts'
import { isWithin } from '../../base/paths.ts'
import { isLoopback } from '../http/addresses.ts'
import { compilePolicy, readRules } from '../http/http-policy.ts'
import type { HttpPolicy, Rules } from '../http/http-policy.ts'

/** The rules, compiled. */
export type ForwardPolicy = {
  /** Whether a peer with this name and address may be connected to. */
  allows(host: string, address: string): boolean
  /** Whether may be listened on this address. All addresses of the machine must be named: `0.0.0.0`, `::` or `*`. */
  allowsListening(address: string): boolean
  /** Whether this unix socket may be used. `path` is its real path. */
  allowsSocket(path: string): boolean
}

/** The default: loopback and unix sockets. */
const DEFAULT: Rules = { allow: ['127.0.0.0/8', '::1', '/'], deny: [] }

/** Rules that name all addresses of a machine. */
const EVERYWHERE = new Set(['*', '0.0.0.0', '0.0.0.0/0', '::', '::/0'])

/** What applies without rules. `http`: the rules of `--http-policy`, if there are any. */
export function defaultForwardPolicy(http: HttpPolicy | undefined): ForwardPolicy {
  const policy = compileForwardPolicy(DEFAULT)
  if (http === undefined) return policy
  return { ...policy, allows: (host, address) => policy.allows(host, address) && http.allows(host, address) }
}

/**
 * Parses the option's value: JSON rules, or the absolute path of a file with them.
 * @throws Error that says what is wrong
 */
export const readForwardPolicy = (value: string): ForwardPolicy => compileForwardPolicy(readRules(value))

/**
 * Compiles rules.
 * @throws Error that says which one is none
 */
export function compileForwardPolicy({ allow, deny }: Rules): ForwardPolicy {
  const isPath = (rule: string): boolean => rule.startsWith('/')
  const isAddress = (rule: string): boolean => !isPath(rule)
  const { allows } = compilePolicy({ allow: allow?.filter(isAddress), deny: deny.filter(isAddress) })
  const names = (rules: readonly string[], address: string): boolean =>
    isUnspecified(address) && rules.some((rule) => EVERYWHERE.has(rule))
  return {
    allows,
    allowsListening: (address) =>
      allows(address, address) &&
      !names(deny, address) &&
      (!isUnspecified(address) || allow === undefined || names(allow, address)),
    allowsSocket: (path) =>
      !deny.filter(isPath).some((rule) => covers(rule, path)) &&
      (allow === undefined || allow.filter(isPath).some((rule) => covers(rule, path))),
  }
}

/** Whether listening on the address is listening on all addresses of the machine. */
const isUnspecified = (address: string): boolean => isLoopback(address) && !isLoopbackAddress(address)

/** Whether a rule is for a path: as it is written, and as its directory really is now. */
const covers = (rule: string, path: string): boolean =>
  [resolve(rule), realPath(rule)].some((each) => isWithin(path, each))

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/**
 * The destinations that http/request may reach: `--http-policy`. A destination is a host name together with one of its
 * addresses: by name alone, anyone's DNS could point at this machine's metadata service.
 *
 *     {"allow": ["api.example.com", "*.corp.example", "10.1.0.0/16"], "deny": ["169.254.0.0/16"]}
 *
 * What `deny` matches is refused. With `allow`, so is everything that it does not match; without it, nothing else is.
 */
import { closeSync, constants, readFileSync } from 'node:fs'
import * as v from 'valibot'
import { openTrusted } from '../../base/trusted-file.ts'
import { addressList } from './addresses.ts'

/** The rules, compiled. */
export type HttpPolicy = {
  /** Whether this address may be connected to under this host name. */
  allows(host: string, address: string): boolean
  /** Whether the decision depends on the address, so that the name must be resolved first. */
  needsAddress(host: string): boolean
}

/** Allows every destination. */
export const openPolicy: HttpPolicy = { allows: () => true, needsAddress: () => false }

const Rules = v.strictObject({ allow: v.optional(v.array(v.string())), deny: v.optional(v.array(v.string()), []) })

/** The rules as they are written. */
export type Rules = v.InferOutput<typeof Rules>

/**
 * Reads rules from the value of an option: JSON, or the absolute path of a file with it.
 * @throws Error that says what is wrong
 */
export function readRules(value: string): Rules {
  if (value.trimStart().startsWith('{')) return parseRules(value)
  const { fd } = openTrusted(value, constants.O_RDONLY)
  try {
    return parseRules(readFileSync(fd, 'utf8'))
  } finally {
    closeSync(fd)
  }
}

function parseRules(text: string): Rules {
  const rules: unknown = JSON.parse(text)
  if (Array.isArray(rules)) throw new Error('the rules are an object with the lists `allow` and `deny`')
  const parsed = v.safeParse(Rules, rules)
  if (!parsed.success) throw new Error(`${v.getDotPath(parsed.issues[0]) ?? 'the rules'}: ${parsed.issues[0].message}`)
  return parsed.output
}

/**
 * Parses the option's value: JSON rules, or the absolute path of a file with them.
 * @throws Error that says what is wrong
 */
export const readHttpPolicy = (value: string): HttpPolicy => compilePolicy(readRules(value))

/**
 * Parses the rules from JSON.
 * @throws Error that says what is wrong
 */
export const parseHttpPolicy = (text: string): HttpPolicy => compilePolicy(parseRules(text))

/**
 * Compiles rules.
 * @throws Error that says which one is none
 */
export function compilePolicy({ allow, deny }: Rules): HttpPolicy {
  const denied = matcher(deny)
  const allowed = allow && matcher(allow)
  return {
    allows: (host, address) =>
      !denied.name(host) &&
      !denied.address(address) &&
      (allowed === undefined || allowed.name(host) || allowed.address(address)),
    needsAddress: (host) =>
      !denied.name(host) &&
      (denied.hasAddresses || (allowed !== undefined && allowed.hasAddresses && !allowed.name(host))),
  }
}

type Matcher = { name(host: string): boolean; address(address: string): boolean; hasAddresses: boolean }

function matcher(rules: readonly string[]): Matcher {
  const names = new Set<string>()
  const suffixes: string[] = []
  const addresses = addressList()
  let hasAddresses = false
  for (const rule of rules) {
    if (addresses.add(rule)) hasAddresses = true
    else if (rule === '*') suffixes.push('')
    else if (rule.startsWith('*.') && isName(rule.slice(2))) suffixes.push(normalName(rule.slice(1)))
    else if (isName(rule)) names.add(normalName(rule))
    else throw new Error(`'${rule}' is neither a host name, nor *.NAME, nor an IP address or range`)
  }
  return {
    name: (host) => {
      const name = normalName(host)
      return names.has(name) || suffixes.some((suffix) => name.endsWith(suffix))
    },
    address: addresses.has,
    hasAddresses,
  }
}

const NAME = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/

/** URL parses a host that ends in a number as an IPv4 address, so a name rule of that form would never match. */
const NUMBER_AT_END = /(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$/i

const isName = (text: string): boolean => NAME.test(text) && !NUMBER_AT_END.test(text)

const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '')

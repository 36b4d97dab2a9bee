/**
 * Whom http/request may talk to: `--http-policy`. A destination is a host's name together with one of the
 * addresses that it has; names alone would let anybody's DNS point at this machine's metadata service.
 *
 *     {"allow": ["api.example.com", "*.corp.example", "10.1.0.0/16"], "deny": ["169.254.0.0/16"]}
 *
 * What `deny` matches is refused. With `allow` so is everything that it does not match; without it nothing else is.
 */
import { readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import * as v from 'valibot'

export type HttpPolicy = {
  /** Whether an address may be connected to under this name. */
  allows(host: string, address: string): boolean
  /** Whether it depends on the address, so that a name that cannot be resolved here cannot be judged. */
  needsAddress(host: string): boolean
}

export const openPolicy: HttpPolicy = { allows: () => true, needsAddress: () => false }

const Rules = v.strictObject({ allow: v.optional(v.array(v.string())), deny: v.optional(v.array(v.string()), []) })

/** Reads the option's value: rules as JSON, or the absolute path of a file with them. Throws an Error that says what is wrong. */
export function readHttpPolicy(value: string): HttpPolicy {
  return parseHttpPolicy(value.trimStart().startsWith('{') ? value : readFileSync(value, 'utf8'))
}

export function parseHttpPolicy(text: string): HttpPolicy {
  const parsed = v.safeParse(Rules, JSON.parse(text))
  if (!parsed.success) throw new Error(`${v.getDotPath(parsed.issues[0]) ?? 'the rules'}: ${parsed.issues[0].message}`)
  const { allow, deny } = parsed.output
  const denied = matcher(deny)
  const allowed = allow && matcher(allow)
  return {
    allows: (host, address) =>
      !denied.name(host) && !denied.address(address) && (allowed === undefined || allowed.name(host) || allowed.address(address)),
    needsAddress: (host) => !denied.name(host) && (denied.hasAddresses || (allowed !== undefined && allowed.hasAddresses && !allowed.name(host))),
  }
}

type Matcher = { name(host: string): boolean; address(address: string): boolean; hasAddresses: boolean }

function matcher(rules: readonly string[]): Matcher {
  const names = new Set<string>()
  const suffixes: string[] = []
  const addresses = new BlockList()
  let hasAddresses = false
  for (const rule of rules) {
    if (addRange(addresses, rule)) hasAddresses = true
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
    address: (address) => {
      const plain = plainAddress(address)
      return addresses.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
    },
    hasAddresses,
  }
}

/** Adds an address or a range to the list; false if the rule is neither. */
function addRange(list: BlockList, rule: string): boolean {
  const [text, bits, ...more] = rule.split('/') as [string, string?, ...string[]]
  const address = text.replace(/^\[(.*)\]$/, '$1')
  const version = isIP(address)
  if (version === 0) return false
  const widest = version === 6 ? 128 : 32
  if (more.length > 0 || (bits !== undefined && !/^[0-9]{1,3}$/.test(bits)) || Number(bits ?? widest) > widest) {
    throw new Error(`'${rule}' is no range of IP addresses`)
  }
  list.addSubnet(address, Number(bits ?? widest), version === 6 ? 'ipv6' : 'ipv4')
  return true
}

const isName = (text: string): boolean => /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/.test(text)

const normalName = (name: string): string => name.toLowerCase().replace(/\.$/, '')

/** An IPv4 address in IPv6's clothes is that IPv4 address, mapped (::ffff:0:0/96) or translated (64:ff9b::/96). */
function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '')
  if (isIP(bare) !== 6) return bare
  const groups = ipv6Groups(bare)
  const head = groups.slice(0, 6).join(':')
  if (head !== '0:0:0:0:0:ffff' && head !== '64:ff9b:0:0:0:0') return bare
  const [high, low] = groups.slice(6).map((group) => Number.parseInt(group, 16)) as [number, number]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** The eight groups, without leading zeros: a URL writes any IPv6 address in its one short form. */
function ipv6Groups(address: string): string[] {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [front, back] = short.split('::').map((side) => side.split(':').filter((group) => group !== '')) as [string[], string[]?]
  return back === undefined ? front : [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back]
}

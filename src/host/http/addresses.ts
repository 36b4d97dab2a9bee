/** IP address lists, independent of how an address is written. */
import { BlockList, isIP } from 'node:net'
import { isLoopbackAddress } from '../../base/loopback.ts'

/** The host of a URL, without IPv6 brackets. */
export const bareHost = ({ hostname }: URL): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** A list of IP addresses and ranges. */
export type AddressList = {
  /**
   * Adds an address, or a range as ADDRESS/BITS. Returns false if the text is neither.
   * @throws Error for an invalid range
   */
  add(text: string): boolean
  has(address: string): boolean
}

/**
 * Creates an empty list. IPv4-mapped and translated IPv6 addresses match their IPv4 address, and the unspecified
 * address matches loopback.
 */
export function addressList(): AddressList {
  const list = new BlockList()
  const check = (address: string): boolean => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  return {
    add: (text) => {
      const range = parseRange(text)
      if (range === undefined) return false
      list.addSubnet(range.address, range.bits, range.version === 6 ? 'ipv6' : 'ipv4')
      return true
    },
    has: (address) => {
      const plain = plainAddress(address)
      const loopback = LOOPBACK_OF[plain]
      return check(plain) || (loopback !== undefined && check(loopback))
    },
  }
}

/** Connecting to the unspecified address reaches this machine. */
const LOOPBACK_OF: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Whether connecting to an address reaches this machine: loopback or unspecified, in any notation. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address)
  return plain in LOOPBACK_OF || isLoopbackAddress(plain)
}

type Range = { address: string; bits: number; version: 4 | 6 }

function parseRange(text: string): Range | undefined {
  const [given, bits, ...more] = text.split('/') as [string, string?, ...string[]]
  const address = given.replace(/^\[(.*)\]$/, '$1')
  const version = isIP(address)
  if (version === 0) return undefined
  const widest = version === 6 ? 128 : 32
  const length = Number(bits ?? widest)
  if (more.length > 0 || (bits !== undefined && !/^[0-9]{1,3}$/.test(bits)) || length > widest)
    throw new Error(`'${text}' is no range of IP addresses`)
  const plain = plainAddress(address)
  if (version === 6 && isIP(plain) === 4 && length >= 96) return { address: plain, bits: length - 96, version: 4 }
  return { address: version === 6 ? address.replace(/%.*$/, '') : address, bits: length, version: version as 4 | 6 }
}

/**
 * Normalizes an address to its shortest form. An IPv6 address that is mapped (::ffff:0:0/96) or translated
 * (64:ff9b::/96) becomes the IPv4 address.
 */
function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/, '')
  if (isIP(bare) !== 6) return bare
  // URL normalizes an address to its single short form.
  const short = bareHost(new URL(`http://[${bare}]`))
  const groups = ipv6Groups(short)
  const head = groups.slice(0, 6).join(':')
  if (head !== '0:0:0:0:0:ffff' && head !== '64:ff9b:0:0:0:0') return short
  const [high, low] = groups.slice(6).map((group) => Number.parseInt(group, 16)) as [number, number]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

/** All eight groups. */
function ipv6Groups(short: string): string[] {
  const [front, back] = short.split('::').map((side) => side.split(':').filter((group) => group !== '')) as [
    string[],
    string[]?,
  ]
  return back === undefined ? front : [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back]
}

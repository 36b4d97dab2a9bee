/** One end of a TCP connection, in the forms that the kernel's interfaces use. */
import { isIP } from 'node:net'

/** An IP address, 4 or 16 bytes in network order, and a port. */
export type Endpoint = { address: Uint8Array; port: number }

/** Both ends of a connection, as the socket at its local end has them. */
export type Tuple = { local: Endpoint; remote: Endpoint }

/** A socket as the kernel lists it. `inode` is 0, and `user` without meaning, when no process holds it any more. */
export type TcpSocket = { state: number; user: number; inode: number }

/** The same connection from its other end. */
export const reversed = ({ local, remote }: Tuple): Tuple => ({ local: remote, remote: local })

/** Parses an address and a port. IPv4-mapped IPv6 addresses become IPv4. Undefined if it is no address. */
export function endpointOf(address: string | undefined, port: number | undefined): Endpoint | undefined {
  if (address === undefined || port === undefined) return undefined
  const bytes = addressBytes(address.replace(/%.*$/, ''))
  return bytes && { address: bytes, port }
}

const MAPPED = '::ffff:'

function addressBytes(address: string): Uint8Array | undefined {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.'), Number)
  if (isIP(address) !== 6) return undefined
  // URL writes every address in hexadecimal groups.
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [front = [], back] = short.split('::').map((side) => side.split(':').filter((group) => group !== ''))
  const zeros = back === undefined ? [] : Array<string>(8 - front.length - back.length).fill('0')
  const groups = [...front, ...zeros, ...(back ?? [])].map((group) => Number.parseInt(group, 16))
  const bytes = Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
  return short.startsWith(MAPPED) ? bytes.subarray(12) : bytes
}

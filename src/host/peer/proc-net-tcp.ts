/**
 * Looks up one TCP socket in the text of /proc/net/tcp and /proc/net/tcp6, see proc(5): for kernels and containers
 * without sock_diag. The kernel formats every socket of the machine for it.
 */
import { readFileSync } from 'node:fs'
import type { Endpoint, TcpSocket, Tuple } from './endpoint.ts'

/** Reads both tables. Empty where there are none. */
export function readTcpTables(): string {
  return ['/proc/net/tcp', '/proc/net/tcp6']
    .map((path) => {
      try {
        return readFileSync(path, 'latin1')
      } catch {
        return ''
      }
    })
    .join('')
}

/** The socket with exactly these ends. An IPv4 connection may be one of an IPv6 socket. */
export function findInTables(tables: string, { local, remote }: Tuple): TcpSocket | undefined {
  const prefixes = local.address.length === 4 ? ['', MAPPED] : ['']
  for (const prefix of prefixes) {
    const at = tables.indexOf(` ${prefix}${hexEndpoint(local)} ${prefix}${hexEndpoint(remote)} `)
    if (at < 0) continue
    const line = tables.slice(at + 1, tables.indexOf('\n', at))
    // local, remote, state, queues, timer, retransmits, uid, timeout, inode
    const fields = line.split(/ +/)
    return { state: Number.parseInt(fields[2] ?? '', 16), user: Number(fields[6]), inode: Number(fields[8]) }
  }
  return undefined
}

/** ::ffff:0:0/96, as the table writes it. */
const MAPPED = '0000000000000000FFFF0000'

/** Each 32-bit word of the address in the byte order of the machine, which is little-endian. */
function hexEndpoint({ address, port }: Endpoint): string {
  const words = Array.from({ length: address.length / 4 }, (_, word) =>
    address
      .slice(4 * word, 4 * word + 4)
      .reverse()
      .toHex(),
  )
  return `${words.join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

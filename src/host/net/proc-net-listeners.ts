/** Reads the listening sockets out of the text of /proc/net/tcp or tcp6, see proc(5). */
import { bareHost } from '../http/addresses.ts'

/** A listening socket. */
export type Listening = { address: string; port: number; uid: number; inode: number }

/** TCP_LISTEN, as the table writes it. */
const LISTEN = '0A'

/** The listening sockets of one table. The first line is its head. */
export function parseListeners(table: string): Listening[] {
  return table.split('\n').flatMap((line) => {
    // number, local, remote, state, queues, timer, retransmits, uid, timeout, inode
    const [, local = '', , state, , , , uid, , inode] = line.trim().split(/ +/)
    if (state !== LISTEN) return []
    const [address = '', port = ''] = local.split(':')
    return [{ address: addressOf(address), port: Number.parseInt(port, 16), uid: Number(uid), inode: Number(inode) }]
  })
}

/** Each 32-bit word is in the byte order of the machine, which is little-endian. */
function addressOf(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => [...Uint8Array.fromHex(word).reverse()])
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] as number) << 8) | (bytes[2 * index + 1] as number)).toString(16),
  )
  // URL writes an address in its short form.
  return bareHost(new URL(`http://[${groups.join(':')}]`))
}

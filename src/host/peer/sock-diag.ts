/** Looks up one TCP socket by netlink, see sock_diag(7): a search in the kernel's hash table, however many there are. */
import { askNetlink } from '../ffi/libc.ts'
import type { Endpoint, TcpSocket, Tuple } from './endpoint.ts'

const NETLINK_SOCK_DIAG = 4
const SOCK_DIAG_BY_FAMILY = 20
const NLM_F_REQUEST = 1
const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_TCP = 6

/** struct nlmsghdr: u32 length, u16 type, u16 flags, u32 sequence, u32 port. */
const HEADER_BYTES = 16
/** struct inet_diag_req_v2, after the header: u8 family, u8 protocol, u8 extensions, u8 padding, u32 states, the id. */
const REQUEST_BYTES = HEADER_BYTES + 56
/** struct inet_diag_sockid: u16 ports and u32[4] addresses in network order, u32 interface, u32[2] cookie. */
const ID = HEADER_BYTES + 8
const COOKIE = ID + 40
/** struct inet_diag_msg, after the header: u8 family, u8 state, …, u32 user at 64, u32 inode at 68. */
const REPLY_BYTES = HEADER_BYTES + 72

/** The socket with exactly these ends. Undefined if there is none, or the kernel cannot be asked this way. */
export function findByNetlink(tuple: Tuple, ask = askNetlink): TcpSocket | undefined {
  const reply = ask(NETLINK_SOCK_DIAG, requestFor(tuple))
  if (reply === undefined || reply.length < REPLY_BYTES) return undefined
  const view = new DataView(reply.buffer, reply.byteOffset, reply.length)
  if (view.getUint16(4, true) !== SOCK_DIAG_BY_FAMILY) return undefined
  return {
    state: view.getUint8(HEADER_BYTES + 1),
    user: view.getUint32(HEADER_BYTES + 64, true),
    inode: view.getUint32(HEADER_BYTES + 68, true),
  }
}

function requestFor({ local, remote }: Tuple): Uint8Array {
  const bytes = new Uint8Array(REQUEST_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, REQUEST_BYTES, true)
  view.setUint16(4, SOCK_DIAG_BY_FAMILY, true)
  view.setUint16(6, NLM_F_REQUEST, true)
  view.setUint8(HEADER_BYTES, local.address.length === 4 ? AF_INET : AF_INET6)
  view.setUint8(HEADER_BYTES + 1, IPPROTO_TCP)
  // Every state.
  view.setUint32(HEADER_BYTES + 4, 0xffff_ffff, true)
  const put = ({ address, port }: Endpoint, index: 0 | 1): void => {
    view.setUint16(ID + 2 * index, port)
    bytes.set(address, ID + 4 + 16 * index)
  }
  put(local, 0)
  put(remote, 1)
  // No cookie.
  bytes.fill(0xff, COOKIE)
  return bytes
}

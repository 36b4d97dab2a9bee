/** The servers of this machine that listen, as far as this user may see them. Linux only. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import process from 'node:process'
import { processNumbers } from '../../host/process-tree/proc-stat.ts'
import { listenUrl } from '../../server/http/listen-url.ts'

/** A process named `exec-server`, and the URLs at which it listens, without a capability. */
export type ListeningServer = { pid: number; urls: string[] }

const NAME = 'exec-server\n'
/** The state of a listening TCP socket, and the flag of a listening unix socket, in /proc/net. */
const TCP_LISTEN = '0A'
const UNIX_ACCEPTS = 0x10000

/** Lists them by pid. Empty without /proc. */
export function listeningServers(): ListeningServer[] {
  const servers: ListeningServer[] = []
  for (const pid of processNumbers()) {
    if (pid === process.pid || readText(`/proc/${pid}/comm`) !== NAME) continue
    const inodes = new Set(socketInodes(pid))
    // Its own network namespace may be another than ours.
    const scheme = speaksTls(readText(`/proc/${pid}/cmdline`)) ? 'wss:' : 'ws:'
    const urls = listeners(`/proc/${pid}/net`).flatMap(({ inode, url }) =>
      inodes.has(inode) ? [url.replace(/^ws:/, scheme)] : [],
    )
    if (urls.length > 0) servers.push({ pid, urls })
  }
  return servers
}

/** URLs of the servers of this user, at addresses to connect to. */
export function ownServers(): string[] {
  const user = process.geteuid?.()
  const own = listeningServers().filter(({ pid }) => ownerOf(pid) === user)
  return own.flatMap(({ pid, urls }) => urls.filter((url) => isOurs(pid, url)).map(reachable))
}

/** Whether the URL means the same here as to that process, which may be in a container: there may be another server. */
function isOurs(pid: number, url: string): boolean {
  if (!url.startsWith('unix:')) return linkOf(`/proc/${pid}/ns/net`) === linkOf('/proc/self/ns/net')
  const path = url.slice('unix:'.length)
  const [here, there] = [fileId(path), fileId(`/proc/${pid}/root${path}`)]
  return here !== undefined && here === there
}

function fileId(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true })
    return `${dev}:${ino}`
  } catch {
    return undefined
  }
}

/** A server that listens on all addresses is called at loopback. */
export const reachable = (url: string): string =>
  url.replace('://0.0.0.0:', '://127.0.0.1:').replace('://[::]:', '://[::1]:')

/** Whether these arguments, each with a NUL behind it, are of a server with TLS. A configuration file is not looked at. */
const speaksTls = (commandLine: string): boolean => /\0--tls-(?:cert|self-signed)[=\0]/.test(commandLine)

function ownerOf(pid: number): number | undefined {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap(
      (fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`) ?? '')?.[1] ?? [],
    )
  } catch {
    return []
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

type Listening = { inode: string; url: string }

function listeners(net: string): Listening[] {
  return [
    ...['tcp', 'tcp6'].flatMap((name) => tcpListeners(readText(`${net}/${name}`))),
    ...unixListeners(readText(`${net}/unix`)),
  ]
}

/** Reads /proc/net/tcp and tcp6. */
export function tcpListeners(text: string): Listening[] {
  return rows(text).flatMap(([, local = '', , state, , , , , , inode = '']) => {
    const [address = '', port = ''] = local.split(':')
    return state === TCP_LISTEN ? { inode, url: listenUrl(addressOf(address), parseInt(port, 16)) } : []
  })
}

/** Reads /proc/net/unix. */
export function unixListeners(text: string): Listening[] {
  return rows(text).flatMap(([, , , flags = '', , , inode = '', ...path]) =>
    (parseInt(flags, 16) & UNIX_ACCEPTS) !== 0 && path[0]?.startsWith('/') === true
      ? { inode, url: `unix:${path.join(' ')}` }
      : [],
  )
}

const rows = (text: string): string[][] =>
  text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/ +/))

/** An address as the kernel prints it: 32-bit words in hexadecimal, in the byte order of the machine. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex').reverse()])
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  )
  // The URL parser shortens it.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/**
 * What listens on TCP ports of this machine, from /proc/net/tcp and tcp6 and the descriptors of processes, as far as this
 * user may see them. Linux only.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { PortHolder } from '../../core/net/net-host.ts'
import { processNumbers, statFields } from '../process-tree/proc-stat.ts'
import { PORT_SCAN_SLICE_MS } from '../limits.ts'
import { parseListeners } from './proc-net-listeners.ts'
import type { Listening } from './proc-net-listeners.ts'

/** Clock ticks a second, in which the kernel gives the starts of processes to all programs, whatever it counts itself. */
const TICKS = 100

/** Links from a process to its parent that are followed: chains of shells are some ten. */
const MAX_ANCESTORS = 64

let running: Promise<PortHolder[]> | undefined

/** Lists them by port. Calls at the same time share one scan. */
export function listeningPorts(): Promise<PortHolder[]> {
  running ??= scan().finally(() => (running = undefined))
  return running
}

async function scan(): Promise<PortHolder[]> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(readText))
  const listening = tables.flatMap(parseListeners)
  const holders = await findHolders(new Set(listening.map(({ inode }) => inode)))
  const names = userNames(await readText('/etc/passwd'))
  const bootMs = Number(/^btime (\d+)$/m.exec(await readText('/proc/stat'))?.[1] ?? 0) * 1000
  return listening
    .map(({ inode, uid, ...at }: Listening) => ({
      ...at,
      uid,
      user: names.get(uid),
      process: describe(holders.get(inode), bootMs),
    }))
    .sort((a, b) => a.port - b.port || a.address.localeCompare(b.address))
}

const readText = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '')

/**
 * The process that holds each socket, by inode: of several the one with the lowest number, mostly the one that opened it
 * and then forked. Yields to the event loop: a machine may have thousands of processes.
 */
async function findHolders(inodes: Set<number>): Promise<Map<number, number>> {
  const holders = new Map<number, number>()
  let since = performance.now()
  for (const pid of processNumbers().sort((a, b) => a - b)) {
    if (holders.size === inodes.size) break
    for (const inode of socketsOf(pid)) if (inodes.has(inode) && !holders.has(inode)) holders.set(inode, pid)
    if (performance.now() - since < PORT_SCAN_SLICE_MS) continue
    await setImmediate()
    since = performance.now()
  }
  return holders
}

/** Inodes of the sockets that a process holds. None of one that is gone, or that may not be seen. */
function socketsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      return inode === undefined ? [] : [Number(inode)]
    })
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function describe(pid: number | undefined, bootMs: number): PortHolder['process'] {
  const fields = pid === undefined ? undefined : statFields(pid)
  if (pid === undefined || fields === undefined) return undefined
  return {
    pid,
    ancestors: ancestorsOf(pid),
    argv: argvOf(pid),
    startedAtMs: bootMs + (Number(fields[19]) / TICKS) * 1000,
  }
}

/** From the parent upwards. */
function ancestorsOf(pid: number): number[] {
  const found: number[] = []
  for (let each = pid; found.length < MAX_ANCESTORS; ) {
    each = Number(statFields(each)?.[1] ?? 0)
    if (each === 0) break
    found.push(each)
  }
  return found
}

function argvOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0')
  } catch {
    return []
  }
}

/** Names by user id. The first one counts. */
function userNames(passwd: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const [, name = '', uid = ''] of passwd.matchAll(/^([^:\n]+):[^:\n]*:(\d+):/gm))
    if (!names.has(Number(uid))) names.set(Number(uid), name)
  return names
}

/**
 * Finds out whether a confined command of this server is at the other end of a connection. A process cannot leave its
 * ancestors: in a PID namespace orphans become children of its first process, and that is a child of the sandbox. A
 * process tag can be dropped.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { errorCode } from '../../base/os-error-text.ts'
import { processNumbers, statFields } from '../process-tree/proc-stat.ts'
import { sandboxesOnNetwork } from '../process-tree/process-tracker.ts'
import type { TcpPeer } from './tcp-peer.ts'

/** Time slice of the search, in ms. A process takes some 50 µs, and a machine may have thousands. */
const SLICE_MS = 2

/** More ancestors than any process has; ends a walk that reused pids have led in a circle. */
const MAX_ANCESTORS = 10_000

/** Whether a process is a sandbox of this server that shares the network, or runs inside one. */
export function isConfined(pid: number, sandboxes: ReadonlySet<number> = sandboxesOnNetwork()): boolean {
  if (sandboxes.size === 0) return false
  let at = pid
  for (let steps = 0; at > 1 && steps < MAX_ANCESTORS; steps++) {
    if (sandboxes.has(at)) return true
    at = Number(statFields(at)?.[1] ?? 0)
  }
  return false
}

/**
 * Whether a peer on this machine may be a confined command. Without commands that share the network it is not, and nothing
 * is searched. Else a process outside must hold the socket. If none is found, one outside may still be it whose descriptors
 * this server may not list, as sshd's.
 */
export async function mayBeConfined({ user, inode }: TcpPeer, own: number): Promise<boolean> {
  const sandboxes = sandboxesOnNetwork()
  // A confined command cannot become another user.
  if (sandboxes.size === 0 || user !== own) return false
  const link = `socket:[${inode}]`
  let isHidden = false
  let since = performance.now()
  // The highest pid first: clients are mostly younger than the system.
  for (const pid of processNumbers().sort((a, b) => b - a)) {
    const holds = holdsDescriptor(pid, link)
    if (holds === true) return isConfined(pid, sandboxes)
    if (holds === undefined && !isHidden) isHidden = userOf(pid) === user && !isConfined(pid, sandboxes)
    if (performance.now() - since < SLICE_MS) continue
    await setImmediate()
    since = performance.now()
  }
  return !isHidden
}

/** Whether a process holds a descriptor with this text as its link; undefined if its descriptors cannot be listed. */
function holdsDescriptor(pid: number, link: string): boolean | undefined {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).some((fd) => linkAt(`${folder}/${fd}`) === link)
  } catch (error) {
    return errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM' ? undefined : false
  }
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

/** The effective user of a process. Its files may belong to root instead. */
function userOf(pid: number): number | undefined {
  try {
    return Number(/^Uid:\t\d+\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  } catch {
    return undefined
  }
}

/** Who called: command lines of other processes on this machine. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'

export function commandLine(pid: number | string): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1).join(' ')
}

/** The command line of the process at the other end of an IPv4 connection, unless it has left. */
export function callerOf({ remotePort, localPort }: Socket): string | undefined {
  const inode = inodeOf(remotePort ?? 0, localPort ?? 0)
  const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && holds(name, `socket:[${inode}]`))
  return pid === undefined ? undefined : commandLine(pid)
}

/** Of the socket with these ports, seen from its own side. */
function inodeOf(port: number, peerPort: number): string | undefined {
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  return rows.find(([, own, peer]) => portOf(own) === port && portOf(peer) === peerPort)?.[9]
}

const portOf = (address = ''): number => Number.parseInt(address.split(':')[1] ?? '', 16)

function holds(pid: string, link: string): boolean {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).some((fd) => readlinkQuietly(`${folder}/${fd}`) === link)
  } catch {
    // It has ended meanwhile, or is another user's.
    return false
  }
}

function readlinkQuietly(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

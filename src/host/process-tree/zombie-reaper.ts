/**
 * The first process of a container is given every orphan, and must bury it: else the dead stay in the table of processes until that
 * is full. The runtime buries its own children only, so this server does the rest where it is that first process.
 */
import process from 'node:process'
import { setTimeout } from 'node:timers'
import { reap } from '../ffi/libc.ts'
import { processNumbers, statFields } from './proc-stat.ts'

/** The runtime buries its own within a turn of the loop. Who lies there for longer is an orphan. */
const LOOK_MS = 1000

export function reapOrphans(): void {
  if (process.pid !== 1 || process.platform !== 'linux') return
  let seen = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const look = (): void => {
    timer = undefined
    const dead = deadChildren()
    for (const [name, pid] of dead) if (seen.has(name)) reap(pid)
    seen = new Set(dead.keys())
    if (seen.size > 0) lookLater()
  }
  const lookLater = (): void => {
    timer ??= setTimeout(look, LOOK_MS)
    timer.unref()
  }
  process.on('SIGCHLD', lookLater)
}

/** By number and start, which name a process for good. */
function deadChildren(): Map<string, number> {
  const dead = new Map<string, number>()
  for (const pid of processNumbers()) {
    const fields = statFields(pid)
    if (fields?.[0] === 'Z' && Number(fields[1]) === process.pid) dead.set(`${pid} ${fields[19]}`, pid)
  }
  return dead
}

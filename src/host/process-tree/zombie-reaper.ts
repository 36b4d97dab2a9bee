/**
 * PID 1 of a container inherits every orphan and must reap it; otherwise zombies fill the process table. The runtime
 * reaps only its own children, so this server reaps the rest when it is PID 1.
 */
import process from 'node:process'
import { setTimeout } from 'node:timers'
import { reap } from '../ffi/libc.ts'
import { processNumbers, statFields } from './proc-stat.ts'

/**
 * The runtime reaps its own children within a turn of the event loop. A zombie older than this (in ms) is an orphan.
 */
const ZOMBIE_AGE_MS = 1000

/** Reaps orphans from now on, after each SIGCHLD. Does nothing unless this server is PID 1 on Linux. */
export function reapOrphans(): void {
  if (process.pid !== 1 || process.platform !== 'linux') return
  let seen = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  const reapOld = (): void => {
    timer = undefined
    const dead = deadChildren()
    for (const [name, pid] of dead) if (seen.has(name)) reap(pid)
    seen = new Set(dead.keys())
    if (seen.size > 0) reapLater()
  }
  const reapLater = (): void => {
    timer ??= setTimeout(reapOld, ZOMBIE_AGE_MS)
    timer.unref()
  }
  process.on('SIGCHLD', reapLater)
}

/** Zombie children: pid by a key of pid and start time, which identifies a process uniquely. */
function deadChildren(): Map<string, number> {
  const dead = new Map<string, number>()
  for (const pid of processNumbers()) {
    const fields = statFields(pid)
    if (fields?.[0] === 'Z' && Number(fields[1]) === process.pid) dead.set(`${pid} ${fields[19]}`, pid)
  }
  return dead
}

/** Tells when children exit that were not started by the runtime, which reaps only its own. */
import process from 'node:process'
import { clearInterval, setInterval } from 'node:timers'
import { findZombie, reap } from '../ffi/libc.ts'

/** How a process ended: with an exit code, or by a signal, by its number. */
export type ProcessExit = { code: number; signal: number }

/** The exit code that the client gets: as a shell has it. */
export const exitCode = ({ code, signal }: ProcessExit): number => (signal === 0 ? code : 128 + signal)

/** Something else has reaped it. Not known to be a success, so none. */
const UNKNOWN: ProcessExit = { code: 255, signal: 0 }

const children = new Map<number, (exit: ProcessExit) => void>()

/** A child keeps the event loop running by this timer, as one of the runtime's own does by itself; in ms. */
const KEEP_RUNNING_MS = 10_000

let keepsRunning: NodeJS.Timeout | undefined
let isListening = false

/** Must be called before the first child is started: a signal that comes earlier is lost. */
export function watchExits(): void {
  if (isListening) return
  isListening = true
  process.on('SIGCHLD', reapChildren)
}

/** Calls `exited` once the child has been reaped, in a later turn of the event loop. */
export function onChildExit(pid: number, exited: (exit: ProcessExit) => void): void {
  children.set(pid, exited)
  keepsRunning ??= setInterval(reapChildren, KEEP_RUNNING_MS)
}

/** The event loop may end while this child runs. */
export function unrefChild(pid: number): void {
  unreferenced.add(pid)
  settleTimer()
}

const unreferenced = new Set<number>()

function settleTimer(): void {
  if (children.size > unreferenced.size) return
  clearInterval(keepsRunning)
  keepsRunning = undefined
}

/** Looks at those that have exited; at all children only where others' zombies hide them. */
function reapChildren(): void {
  for (let pid = findZombie(); pid !== undefined; pid = findZombie()) {
    if (!children.has(pid)) return reapAll()
    reapChild(pid)
  }
}

function reapAll(): void {
  for (const pid of [...children.keys()]) reapChild(pid)
}

function reapChild(pid: number): void {
  const status = reap(pid)
  if (status === undefined) return
  const exited = children.get(pid)
  children.delete(pid)
  unreferenced.delete(pid)
  settleTimer()
  exited?.(status === null ? UNKNOWN : { code: (status >> 8) & 0xff, signal: status & 0x7f })
}

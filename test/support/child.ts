/** Kills child processes at the end of the test that started them. */
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { atEnd } from './scope.ts'

/** Time for a server to kill its commands at shutdown; generous for a busy machine. */
const GRACE_MS = 10_000

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

/** Kills `child` at the end of the test, even if it is stopped: SIGTERM, then SIGKILL after GRACE_MS. */
export function endWithTest<Child extends ChildProcess>(child: Child, signal: NodeJS.Signals = 'SIGTERM'): Child {
  const takeBack = atEnd(() => endChild(child, signal))
  child.once('exit', takeBack)
  return child
}

/** Kills a child; resolves when it has exited. */
export function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (hasEnded(child)) return resolve()
    const timer = setTimeout(() => sendSignal(child, 'SIGKILL'), GRACE_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    sendSignal(child, 'SIGCONT')
    sendSignal(child, signal)
  })
}

/** Not `child.kill`: on Deno it sends the first signal only, and closes the pipes. */
function sendSignal(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || hasEnded(child)) return
  try {
    process.kill(child.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

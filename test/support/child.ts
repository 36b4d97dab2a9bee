/** Child processes that end with the test that started them. */
import type { ChildProcess } from 'node:child_process'
import { atEnd } from './scope.ts'

/** For what a server does at its end: it ends its commands, which may take it a while on a busy machine. */
const GRACE_MS = 10_000

const hasEnded = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null

/** Ends `child` when the test does, also if the child is stopped: by SIGTERM, and by SIGKILL if that does not help. */
export function endWithTest<Child extends ChildProcess>(child: Child, signal: NodeJS.Signals = 'SIGTERM'): Child {
  const takeBack = atEnd(() => endChild(child, signal))
  child.once('exit', takeBack)
  return child
}

/** Settles when the child is gone. */
export function endChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (hasEnded(child)) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.kill('SIGCONT')
    child.kill(signal)
  })
}

/**
 * The warden: a small process that outlives this server, however that ends, and kills whatever it has left. It waits for the
 * end of a pipe that nobody but the server holds, finds the server's mark (see marks.ts), and kills until there is none; then it
 * ends, too. It is a shell, as that costs a megabyte and a millisecond, where another of ourselves would cost fifty of each.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { setTimeout } from 'node:timers'
import { canMark, serverMark } from './process-tag.ts'

/**
 * Groups are killed with their leaders, since what forks fast is only caught as a whole. It looks until there is nobody but the
 * dead whom their parents have not buried yet. The bound is for those that cannot be killed: they wait for a disk, say.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM PIPE
while read -r line; do :; done
looks=0
while [ $looks -lt 200 ]; do
  found=$(grep -ls "realtime timeout *$1" /proc/[0-9]*/limits)
  alive=
  for path in $found; do
    pid=\${path#/proc/}
    pid=\${pid%/limits}
    kill -9 "-$pid" 2>/dev/null
    kill -9 "$pid" 2>/dev/null
    { read -r stat < "/proc/$pid/stat"; } 2>/dev/null || continue
    case $stat in *') Z '* | *') X '*) ;; *) alive=1 ;; esac
  done
  [ -z "$alive" ] && exit
  looks=$((looks + 1))
  [ $looks -gt 3 ] && sleep 0.05
done
`
/** Not the server's, so that who kills that by name leaves it alive. */
const NAME = 'devbox-warden'

/** One that was killed is replaced, after this long, lest a machine without room for it be kept busy. */
const REPLACE_MS = 1000

let warden: ChildProcess | undefined

/** Sees to it that there is a warden, if one can do anything here. */
export function ensureWatchdog(): void {
  if (warden !== undefined || !canMark()) return
  try {
    warden = spawn('/bin/sh', ['-c', SCRIPT, NAME, serverMark], {
      cwd: '/',
      // Of its own session, so that a signal to the server's group does not reach it.
      detached: true,
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/bin:/bin` },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
  } catch {
    // For want of a descriptor or a process, say; the next child asks again.
    return
  }
  const { stdin } = warden
  const lost = (): void => {
    stdin?.destroy()
    setTimeout(replace, REPLACE_MS).unref()
  }
  warden.once('error', lost)
  warden.once('exit', lost)
  stdin?.on('error', () => {})
  // Neither keeps a server from ending by itself.
  warden.unref()
  ;(stdin as unknown as { unref?: () => void }).unref?.()
}

function replace(): void {
  warden = undefined
  ensureWatchdog()
}

/**
 * The watchdog: a small process that outlives this server, however that ends, and kills whatever it left running. It
 * reads a pipe whose write end only the server holds; at end of file it kills every process with the server's tag (see
 * process-tag.ts) until none is left, then exits. It is a shell: that costs one megabyte and one millisecond, another
 * instance of this program about fifty of each.
 */
import process from 'node:process'
import { setTimeout } from 'node:timers'
import { errorCode } from '../../base/os-error-text.ts'
import { canTag, serverTag } from './process-tag.ts'
import { startProcess } from './start-process.ts'
import type { StartedProcess } from './start-process.ts'

/**
 * Kills whole groups, since fast forkers are only caught that way. Repeats until only unreaped zombies are left. The
 * bound of 200 is for processes that cannot be killed, such as those in uninterruptible disk sleep.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM PIPE
while read -r line; do :; done
scans=0
while [ $scans -lt 200 ]; do
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
  scans=$((scans + 1))
  [ $scans -gt 3 ] && sleep 0.05
done
`
/** Documented. Differs from the server's name, so that killing the server by name spares the watchdog. */
const NAME = 'devbox-warden'

/** Delay before a lost watchdog is replaced, in ms, so that a machine short of resources is not kept busy. */
const REPLACE_MS = 1000

let watchdog: StartedProcess | undefined

/**
 * Starts the watchdog unless it runs already or process tags are not supported. Never throws: if the spawn fails, the
 * next call tries again.
 */
export function ensureWatchdog(): void {
  if (watchdog !== undefined || !canTag()) return
  const child = startProcess({
    file: '/bin/sh',
    args: ['-c', SCRIPT, NAME, serverTag],
    cwd: '/',
    // A session of its own, so that a signal to the server's group does not reach it.
    detached: true,
    env: new Map([['PATH', `${process.env['PATH'] ?? ''}:/usr/bin:/bin`]]),
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog = child
  const lost = (): void => {
    child.stdin?.destroy()
    setTimeout(replace, REPLACE_MS).unref()
  }
  // Without /bin/sh, or /dev/null, there is none: see the doctor.
  child.started.catch((error) => errorCode(error) !== 'ENOENT' && lost())
  child.onExit(lost)
  child.stdin?.on('error', () => {})
  // Neither the process nor its pipe keeps the event loop alive.
  child.unref()
}

function replace(): void {
  watchdog = undefined
  ensureWatchdog()
}

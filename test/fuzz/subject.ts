/** The server as a process: started, watched for what it leaves behind, and stopped. */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { statFields } from '../../src/host/process-tree/proc-stat.ts'
import { firstLine } from '../support/first-line.ts'
import { isDeno, serverCommand, sleep } from '../support/server.ts'
import { Failure } from './failure.ts'
import type { Place } from './place.ts'

/** What a family cost: in MiB, file descriptors and processes, from after the warm-up to the end. */
export type Leaks = { anonymousMiB: number; grownMiB: number; fds: number; grownFds: number; children: number }

/** A heap that has been busy is larger than one that has not; a leak of a hundred bytes an input shows in a long run. */
const GROWTH_MIB = isDeno ? 192 : 96

/** Descriptors that a runtime opens when it first needs them, and keeps: its watcher of files, of children. */
const KEPT_FDS = 6

/** What sees to it that nothing outlives the server runs as long as it does. */
const STAYING = /devbox-warden/

/** How long sessions, idle connections to web servers, and idle helpers of sandboxes may take to end. */
const SETTLE_MS = 40_000

/** What ends up on stderr when there is a fault in the server that nobody foresaw. */
const FAULT = /internal error|"level":"error"|uncaught|unhandled|panicked|FATAL|Warning:/i

export type Child = ChildProcessByStdio<Writable, Readable, Readable>

export type Program = {
  child: Child
  stderr(): string
  /** Throws if it has ended, or has complained. */
  check(): void
  exit: Promise<number | string | null>
  /** Ends it and waits. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | string | null>
}

export function startProgram(args: readonly string[], place: Place): Program {
  const [command, commandArgs] = serverCommand(args)
  const child = spawn(command, commandArgs, { ...place.spawnOptions, stdio: ['pipe', 'pipe', 'pipe'] }) as Child
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  let [stderr, ended] = ['', false]
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  child.stdin.on('error', () => {})
  const exit = once(child, 'close').then(([code, signal]) => {
    ended = true
    process.off('exit', end)
    return (code ?? signal) as number | string | null
  })
  return {
    child,
    exit,
    stderr: () => stderr,
    check: () => {
      if (FAULT.test(stderr)) throw new Failure(`stderr: ${stderr.slice(0, 2000)}`)
      if (ended)
        throw new Failure(`the server ended with ${child.exitCode ?? child.signalCode}: ${stderr.slice(0, 2000)}`)
    },
    kill: (signal) => {
      // Deno's own way to kill a child makes of its exit what it was sent.
      if (!ended) process.kill(child.pid as number, signal)
      return exit
    },
  }
}

/** A server that ends sessions soon, so that what they leave behind shows. */
export async function startNetworkServer(place: Place): Promise<Program & { url: string }> {
  const program = startProgram(['--session-ttl-seconds', '1'], place)
  return { ...program, url: await firstLine(program.child) }
}

// ---- what a process holds ----

const canLook = existsSync('/proc/self/smaps_rollup')

export type Holdings = { anonymousMiB: number; fds: string[]; children: string[] }

/** Undefined where there is no /proc. */
export function holdings(pid: number): Holdings | undefined {
  if (!canLook) return undefined
  const anonymous = /^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1]
  return { anonymousMiB: Number(anonymous) / 1024, fds: descriptors(pid), children: descendants(pid) }
}

/** What each leads to. */
function descriptors(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)]
    } catch {
      return []
    }
  })
}

/** Zombies count: they are the server's to collect. */
function descendants(root: number): string[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const fields = /^[0-9]+$/.test(name) ? statFields(Number(name)) : undefined
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]))
  }
  const found: string[] = []
  for (const first of parents.keys()) {
    for (let pid: number | undefined = parents.get(first); pid !== undefined && pid > 0; pid = parents.get(pid)) {
      if (pid !== root) continue
      const command = commandLine(first)
      if (!STAYING.test(command)) found.push(command)
      break
    }
  }
  return found
}

function commandLine(pid: number): string {
  try {
    return (
      readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim() ||
      `(${statFields(pid)?.[0] ?? 'gone'})`
    )
  } catch {
    return '(gone)'
  }
}

/** How long the server may look into what works on this machine, which it does in processes of its own. */
const PROBE_MS = 10_000

/** Watches one process that has served somebody once: `warm` when it is warm, and `settle` at the end. */
export async function watchHoldings(pid: number) {
  let start = holdings(pid)
  for (
    const deadline = Date.now() + PROBE_MS;
    start !== undefined && start.children.length > 0 && Date.now() < deadline;
    start = holdings(pid)
  )
    await sleep(20)
  let warm = start
  return {
    async warm(restMs: number): Promise<void> {
      await sleep(restMs)
      warm = holdings(pid)
    },
    async settle(): Promise<Leaks> {
      if (start === undefined || warm === undefined)
        return { anonymousMiB: 0, grownMiB: 0, fds: 0, grownFds: 0, children: 0 }
      const deadline = Date.now() + SETTLE_MS
      for (;;) {
        const now = holdings(pid) as Holdings
        const leaks = {
          anonymousMiB: now.anonymousMiB,
          grownMiB: now.anonymousMiB - warm.anonymousMiB,
          fds: now.fds.length,
          grownFds: now.fds.length - start.fds.length,
          children: now.children.length,
        }
        if (leaks.grownFds <= KEPT_FDS && leaks.children === 0 && leaks.grownMiB <= GROWTH_MIB) return leaks
        if (Date.now() > deadline) {
          const bounds = `at most ${GROWTH_MIB} MiB, ${KEPT_FDS} descriptors and no process may be`
          throw new Failure(
            `left behind: ${describe(leaks)}; ${bounds}: ${[...now.children, ...now.fds.sort()].join('; ')}`,
          )
        }
        await sleep(100)
      }
    },
  }
}

export function describe({ anonymousMiB, grownMiB, fds, grownFds, children }: Leaks): string {
  const signed = (number: number): string => (number < 0 ? '' : '+') + Math.round(number)
  return `${Math.round(anonymousMiB)} MiB (${signed(grownMiB)}), ${fds} descriptors (${signed(grownFds)}), ${children} processes left`
}

/** Waits for what `watch` tells of, or fails. */
export async function waitFor(
  done: () => boolean,
  ms: number,
  listen: (wake: () => void) => void,
  what: () => string,
): Promise<void> {
  if (done()) return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Failure(`${what()} within ${ms} ms`)), ms)
    listen(() => {
      if (!done()) return
      clearTimeout(timer)
      resolve()
    })
  })
}

/**
 * Spawns a server and talks to it over stdin and stdout. The server has its own process group, and ends with the
 * connection on every path: on close, after a failed handshake, and when this program exits.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { atExit } from '../base/at-exit.ts'
import { ConnectError, messageOf } from '../base/errors.ts'
import { textLines } from './lines.ts'
import type { ClientLimits } from '../base/limits.ts'
import { stderrLines } from './stderr-lines.ts'
import type { Connector, TransportEvents } from './transport.ts'

/** A command that runs a server on its stdin and stdout. */
export type StdioCommand = {
  /** The program and its arguments. */
  command: readonly string[]
  /** Absolute path on this machine. Default: this program's cwd. */
  cwd?: string | undefined
  /** Added to this program's environment. */
  env?: Readonly<Record<string, string>> | undefined
  /** Called with each line of the server's stderr. Default: stderr is discarded. */
  onStderr?: ((line: string) => void) | undefined
}

/** Characters of a first line that is no message. */
const BANNER_CHARS = 200

/** Why a server whose stdout begins with such a line cannot be used. */
const noMessage = (line: string): string =>
  `its stdout begins with ${JSON.stringify(line.slice(0, BANNER_CHARS))}, which is no message: ` +
  'a login banner, or what a shell profile prints, must go to stderr'

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** Characters of the last stderr line that are kept for the error message. */
const LAST_STDERR_CHARS = 400

/** Connects by spawning a server. A lost connection cannot be recovered. */
export function stdioConnector(options: StdioCommand, limits: ClientLimits): Connector {
  const [program = '', ...args] = options.command
  return {
    name: program,
    recovers: false,
    canVanish: false,
    open: (events, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const env = { ...process.env, ...options.env }
        const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true, env, cwd: options.cwd })
        const abort = (): void => {
          killGroup(child)
          reject(signal.reason)
        }
        signal.addEventListener('abort', abort, { once: true })
        child.once('error', (error) => {
          signal.removeEventListener('abort', abort)
          reject(new ConnectError(`cannot start ${program}: ${messageOf(error)}`, { cause: error }))
        })
        child.once('spawn', () => {
          signal.removeEventListener('abort', abort)
          if (signal.aborted) return
          const ended = follow(child, events, options, limits)
          resolve({
            send: (text) => void child.stdin.write(`${text}\n`),
            pause: () => void child.stdout.pause(),
            resume: () => void child.stdout.resume(),
            close: () => end(child, ended, limits.stdioGraceMs),
          })
        })
      }),
  }
}

/** Forwards the child's output. Resolves when the child has exited and its group was killed. */
function follow(
  child: Child,
  events: TransportEvents,
  { onStderr }: StdioCommand,
  limits: ClientLimits,
): Promise<void> {
  // Kill the server when this program exits. After a SIGKILL of this program, the server reads end of file.
  const unregister = atExit(() => killGroup(child))
  let lastStderr = ''
  let isFirst = true
  const lines = textLines(limits.messageBytes, (line) => {
    if (isFirst && !line.startsWith('{')) return events.closed(noMessage(line))
    isFirst = false
    events.message(line)
  })
  const stderr = stderrLines(limits.stderrLine, (line) => {
    lastStderr = line.slice(-LAST_STDERR_CHARS)
    onStderr?.(line)
  })
  child.stdout.on('data', (bytes: Uint8Array) => {
    try {
      lines.push(bytes)
    } catch (error) {
      events.closed(messageOf(error))
    }
  })
  child.stderr.on('data', (bytes: Uint8Array) => stderr.push(bytes))
  // Exit is reported below, with the reason.
  child.stdin.on('error', () => {})
  const reason = (): string => {
    const how = child.signalCode === null ? `exited with ${child.exitCode ?? '?'}` : `was ended by ${child.signalCode}`
    return `the server ${how}${lastStderr === '' ? '' : `: ${lastStderr}`}`
  }
  return new Promise((resolve) => {
    child.once('exit', () => {
      unregister()
      // Read buffered output first, but only for a while: another process may hold stdout open.
      const timer = setTimeout(() => events.closed(reason()), limits.stdioGraceMs)
      child.once('close', () => {
        stderr.end()
        clearTimeout(timer)
        events.closed(reason())
      })
      killGroup(child)
      resolve()
    })
  })
}

/** Closes stdin first, so that the server can terminate its processes; then kills the group. */
async function end(child: Child, ended: Promise<void>, graceMs: number): Promise<void> {
  child.stdin.end()
  if (child.exitCode === null && child.signalCode === null) {
    const timer = setTimeout(() => killGroup(child), graceMs)
    await ended
    clearTimeout(timer)
  }
  child.stdout.destroy()
  child.stderr.destroy()
}

/**
 * Sends SIGKILL to the rest of the group. Call only until just after the leader's exit, before its pid can be reused.
 */
function killGroup({ pid }: Child): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has already ended.
  }
}

/**
 * A server that is started for this connection, and talks through its stdin and stdout. It gets a process group of its own, and
 * ends with the connection on every path: when this is closed, when the handshake fails, and when this very program ends.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { atExit } from '../base/at-exit.ts'
import { ConnectError, messageOf } from '../base/errors.ts'
import { lineSplitter } from './lines.ts'
import type { ClientLimits } from '../base/limits.ts'
import { stderrLines } from './stderr-lines.ts'
import type { Connector, WireEvents } from './transport.ts'

export type StdioCommand = {
  /** The program and its arguments. */
  command: readonly string[]
  cwd?: string | undefined
  /** Added to the environment of this program. */
  env?: Readonly<Record<string, string>> | undefined
  /** Gets what the server writes to stderr, line by line; absent: nobody does. */
  onStderr?: ((line: string) => void) | undefined
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>

/** The end of stderr is kept for the message that says why a server ended. */
const LAST_WORDS = 400

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

/** Hands its lines on. Settles when it has exited, and so have its streams. */
function follow(child: Child, events: WireEvents, { onStderr }: StdioCommand, limits: ClientLimits): Promise<void> {
  // Whoever ends this program must not leave the server; one that is killed outright leaves it an end of file.
  const leave = atExit(() => killGroup(child))
  let lastWords = ''
  const lines = lineSplitter(limits.messageBytes, (line) => events.message(line))
  const stderr = stderrLines(limits.stderrLine, (line) => {
    lastWords = line.slice(-LAST_WORDS)
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
  // Its end is told by its exit, with the reason.
  child.stdin.on('error', () => {})
  const reason = (): string => {
    const how = child.signalCode === null ? `exited with ${child.exitCode ?? '?'}` : `was ended by ${child.signalCode}`
    return `the server ${how}${lastWords === '' ? '' : `: ${lastWords}`}`
  }
  return new Promise((resolve) => {
    child.once('exit', () => {
      leave()
      // What it has written before is still read; someone else may hold its stdout open, so not for ever.
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

/** An end of file first: a server ends what it has started. Then its group, whatever is left of it. */
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

/** SIGKILL to what is left of the group. Only until just after the leader's end: its number is not given out again so soon. */
function killGroup({ pid }: Child): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}

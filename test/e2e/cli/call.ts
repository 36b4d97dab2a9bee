/** The program's client side, called as a person calls it. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { atEnd } from '../../support/scope.ts'
import { serverCommand } from '../../support/server.ts'

/** The exit code as a shell has it. */
export function codeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + constants.signals[signal as NodeJS.Signals]
}

export type Ended = { code: number; stdout: string; stderr: string }

export type Started = {
  child: ChildProcess & { stdin: Writable; stdout: Readable; stderr: Readable }
  stdout(): string
  stderr(): string
  /** Settles when it has ended and its outputs are closed. */
  ended: Promise<Ended>
  /** Ends it and what it started here, if it still runs. */
  stop(): void
}

/** One that takes longer is stuck. */
const LIMIT_MS = 60_000

/** In a group of its own. Its outputs are bytes, each a character. */
export function begin(command: readonly string[], env: NodeJS.ProcessEnv = process.env): Started {
  const [program, ...args] = command
  const child = spawn(program as string, args, { env, stdio: 'pipe', detached: true })
  const stop = (): void => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {}
  }
  const takeBack = atEnd(stop)
  const timer = setTimeout(stop, LIMIT_MS)
  const pieces = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', (bytes: Buffer) => pieces.stdout.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => pieces.stderr.push(bytes))
  // One that ends without reading.
  child.stdin.on('error', () => {})
  const text = (name: 'stdout' | 'stderr') => (): string => Buffer.concat(pieces[name]).toString('latin1')
  const [stdout, stderr] = [text('stdout'), text('stderr')]
  const ended = once(child, 'close').then(([code, signal]) => {
    clearTimeout(timer)
    takeBack()
    child.stdin.destroy()
    return { code: codeOf(code, signal), stdout: stdout(), stderr: stderr() }
  })
  return { child, stdout, stderr, ended, stop }
}

/** Calls it with these arguments and an empty stdin. */
export async function call(
  args: readonly string[],
  { env, input = '' }: { env?: NodeJS.ProcessEnv | undefined; input?: string | Uint8Array } = {},
): Promise<Ended> {
  const { child, ended } = begin(serverCommand(args).flat(), env)
  child.stdin.end(input)
  return ended
}

/** For a shell that does nothing but wait for signals: a trap runs at once, and nobody holds its outputs. */
export const REST = 'while :; do sleep 1000 >/dev/null 2>&1 & wait $!; done'

/** What makes a command one of the devbox. */
export function runPrefix(url: string, options: readonly string[] = []): string[] {
  return serverCommand(['run', '--url', url, ...options, '--']).flat()
}

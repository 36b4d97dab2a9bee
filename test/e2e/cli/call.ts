/** The program's client side, called as a person calls it. */
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import { endWithTest } from '../../support/child.ts'
import { atEnd } from '../../support/scope.ts'
import { isDeno, serverCommand } from '../../support/server.ts'
import { sourceEnv } from '../../support/source-env.ts'
import { END_MARK } from './command-loop.ts'

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

/** Runs client commands with an empty stdin. */
export type CommandRunner = (args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Ended>

/**
 * For tests that are about what a command does and writes, and not about its process: in the quick tier one process
 * runs them all, from source, as most of the time would go to starting the others. It ends with the scope that calls this.
 */
export function commandRunner(): CommandRunner {
  if (process.env['EXEC_SERVER_TEST_TIER'] !== 'quick' || isDeno) return (args, env) => call(args, { env })
  const child = fork(join(import.meta.dirname, 'command-loop.ts'), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: sourceEnv(),
  })
  endWithTest(child, 'SIGKILL')
  const outputs = [child.stdout, child.stderr].map((stream) => untilMark(stream as Readable))
  let last: Promise<unknown> = Promise.resolve()
  const run: CommandRunner = async (args, env = process.env) => {
    const pending = Promise.all([once(child, 'message'), ...outputs.map((next) => next())])
    child.send({ args, env })
    const [[code], stdout, stderr] = (await pending) as [[number], string, string]
    return { code, stdout, stderr }
  }
  return (args, env) => {
    const ended = last.then(() => run(args, env))
    last = ended.catch(() => {})
    return ended
  }
}

/** Each call resolves with the text up to the next mark. */
function untilMark(stream: Readable): () => Promise<string> {
  let text = ''
  let wake = (): void => {}
  stream.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
    wake()
  })
  return async () => {
    while (!text.includes(END_MARK)) await new Promise<void>((resolve) => (wake = resolve))
    const end = text.indexOf(END_MARK)
    const before = text.slice(0, end)
    text = text.slice(end + END_MARK.length)
    return before
  }
}

/** For a shell that does nothing but wait for signals: a trap runs at once, and nobody holds its outputs. */
export const REST = 'while :; do sleep 1000 >/dev/null 2>&1 & wait $!; done'

/** What makes a command one of the devbox. */
export function runPrefix(url: string, options: readonly string[] = []): string[] {
  return serverCommand(['run', '--url', url, ...options, '--']).flat()
}

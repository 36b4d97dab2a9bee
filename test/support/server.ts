/** Starts the real server, from source, with the runtime of the test. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { statFields } from '../../src/host/process-tree/proc-stat.ts'
import { endWithTest } from './child.ts'
import { firstLine } from './first-line.ts'

/** The root of the repository. */
export const root = dirname(dirname(import.meta.dirname))
// The test runner sets FORCE_COLOR; if NO_COLOR is set, too, Node warns on stderr.
delete process.env['FORCE_COLOR']

/** Whether the test runs on Deno. */
export const isDeno = 'Deno' in globalThis

/** The command for the server from source, or the executable that EXEC_SERVER_BINARY names. */
export function serverCommand(args: readonly string[]): [string, string[]] {
  const binary = process.env['EXEC_SERVER_BINARY']
  if (binary !== undefined) return [binary, [...args]]
  const main = join(root, 'src', 'main.ts')
  return [process.execPath, [...(isDeno ? ['run', '-A'] : []), main, ...args]]
}

/** A running server. */
export type RunningServer = {
  url: string
  child: ChildProcess
  stderr(): string
  /** Sends SIGTERM and resolves with the exit code or signal. */
  stop(): Promise<number | string | null>
}

/** Starts the server and waits for its URL. */
export async function startServer(
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Promise<RunningServer> {
  const [command, commandArgs] = serverCommand(args)
  const child = endWithTest(spawn(command, commandArgs, { env, stdio: ['ignore', 'pipe', 'pipe'] }))
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const url = await firstLine(child)
  return {
    url,
    child,
    stderr: () => stderr,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode
      process.kill(child.pid as number, 'SIGTERM')
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
      return code ?? signal
    },
  }
}

/** Whether a process is running; a zombie is not. */
export function isAlive(pid: number): boolean {
  const state = statFields(pid)?.[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

/** Resolves after `ms`. */
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Polls until `probe` is true; throws after `ms`. The timeout is generous, for machines under load. */
export async function eventually(
  probe: () => boolean | Promise<boolean>,
  ms = 30_000,
  what = 'the expected state',
): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come about within ${ms} ms`)
    await sleep(10)
  }
}

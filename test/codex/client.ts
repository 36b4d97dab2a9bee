/** Runs the Codex command line once. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Home } from './home.ts'

/** Of one run, which has a handful of tool calls. */
const LIMIT_MS = 90_000

export type CodexRun = {
  /** The exit code, or the signal that ended it. */
  exit: number | string | null
  /** What it wrote, both streams. */
  log: string
}

/** The arguments of a run that is led by a script. */
export const PLAY = ['exec', '--skip-git-repo-check', 'play the script']

export const runCodex = (binary: string, home: Home, env: Record<string, string>): Promise<CodexRun> =>
  run(binary, PLAY, home, env)

export async function run(
  binary: string,
  args: readonly string[],
  home: Home,
  env: Record<string, string>,
): Promise<CodexRun> {
  const child = spawn(binary, args, {
    cwd: home.work,
    env: { ...home.clientEnv, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (log += bytes.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  clearTimeout(timer)
  return { exit: code ?? signal, log }
}

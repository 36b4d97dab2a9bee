/** Servers for the fault suites: started through another program, and identified by their pid. */
import { spawn, spawnSync } from 'node:child_process'
import process from 'node:process'
import { endWithTest } from '../child.ts'
import { firstLine } from '../first-line.ts'
import { eventually, isAlive, serverCommand } from '../server.ts'
import type { RunningServer } from '../server.ts'
import type { test as plainTest } from '../suite.ts'

/** A running server with its pid and port. */
export type FaultServer = RunningServer & { pid: number; port: number }

/** How to start a server. */
export type Circumstances = {
  args?: readonly string[]
  /** Command prefix that execs the server, so that its settings apply to the server from the start. */
  under?: readonly string[]
  env?: NodeJS.ProcessEnv
}

/** Starts the real server. With `under`, the pid is still the server's. */
export async function startFaultServer({
  args = [],
  under = [],
  env = process.env,
}: Circumstances = {}): Promise<FaultServer> {
  const [command, commandArgs] = serverCommand(args)
  return follow([...under, command, ...commandArgs], env)
}

/** Starts a program that prints a server's URL as its first line, as the server does. */
export async function follow(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<FaultServer> {
  const [command, ...args] = argv as [string, ...string[]]
  const child = endWithTest(spawn(command, args, { env, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] }))
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const gone = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  )
  const url = await firstLine(child).catch((error: Error) => {
    throw new Error(`${error.message}; it said: ${stderr}`)
  })
  return {
    url,
    child,
    pid: child.pid as number,
    port: Number(new URL(url.replace(/^ws/, 'http')).port),
    stderr: () => stderr,
    stop: () => {
      // After child.kill(), Deno reports that signal whatever the exit code is, so use process.kill.
      if (isAlive(child.pid as number)) process.kill(child.pid as number, 'SIGTERM')
      return gone
    },
  }
}

/** Defines a test; skips it by name if there is an obstacle on this machine. */
export function shownUnless(
  obstacle: string | undefined,
  test: typeof plainTest,
): (title: string, body: () => Promise<void>) => void {
  return (title, body) =>
    void (obstacle === undefined ? test(title, body) : test.skip(`${title} [not shown here: ${obstacle}]`))
}

/** Like {@link shownUnless}, for a test of the full tier. */
export function shownInFull(
  obstacle: string | undefined,
  test: typeof plainTest,
): (title: string, body: () => Promise<void>) => void {
  return (title, body) =>
    void (obstacle === undefined ? test.full(title, body) : test.skip(`${title} [not shown here: ${obstacle}]`))
}

export const isLinux = process.platform === 'linux'
export const isRoot = process.getuid?.() === 0

/** The obstacle for tests that read /proc; undefined on Linux. */
export const needsLinux = isLinux ? undefined : 'it looks into /proc'

/** Whether a command runs and exits with 0. */
export const works = (argv: readonly string[]): boolean =>
  isLinux && spawnSync(argv[0] as string, argv.slice(1), { stdio: 'ignore', cwd: '/' }).status === 0

const CONFINED = ['bwrap', '--ro-bind', '/', '/', '--unshare-user', '--unshare-pid', '--proc', '/proc', 'true']

/** Why a server started with this prefix cannot sandbox anything. */
export const whyNoSandbox = (under: readonly string[] = []): string | undefined =>
  works([...under, ...CONFINED]) ? undefined : 'no sandbox on this machine'

/** A uid for this test only: RLIMIT_NPROC counts all processes of a user, those of other tests included. */
export const ownUser = 200_000 + (process.pid % 100_000)

/** Command prefix that runs a command as {@link ownUser}. */
export const asOwnUser = ['setpriv', `--reuid=${ownUser}`, `--regid=${ownUser}`, '--clear-groups']

/** Why the server cannot run as another user: that needs root, and files that the other user can read. */
export function whyNoOwnUser(): string | undefined {
  if (!isRoot) return 'only root can become a user of its own'
  return works([...asOwnUser, ...serverCommand(['--version']).flat()])
    ? undefined
    : 'other users cannot read the program'
}

/** Fails if the server wrote anything to stderr. */
export function assertSilent(server: FaultServer): void {
  if (server.stderr() !== '') throw new Error(`the server said: ${server.stderr()}`)
}

/** Sends SIGKILL and waits until the server is gone. */
export async function killHard(server: FaultServer): Promise<void> {
  process.kill(server.pid, 'SIGKILL')
  await eventually(() => !isAlive(server.pid), 30_000, 'the end of a killed server')
}

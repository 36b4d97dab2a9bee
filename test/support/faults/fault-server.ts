/** Servers for the fault suites: started under another program, and told apart by their pid. */
import { spawn, spawnSync } from 'node:child_process'
import process from 'node:process'
import { endWithTest } from '../child.ts'
import { firstLine } from '../first-line.ts'
import { eventually, isAlive, serverCommand } from '../server.ts'
import type { RunningServer } from '../server.ts'
import type { test as plainTest } from '../suite.ts'

export type FaultServer = RunningServer & { pid: number; port: number }

export type Circumstances = {
  args?: readonly string[]
  /** A program that replaces itself by the server, with its arguments: what it sets holds for the server from the first moment. */
  under?: readonly string[]
  env?: NodeJS.ProcessEnv
}

/** The real server. With `under` it is still the server that the pid names. */
export async function startFaultServer({
  args = [],
  under = [],
  env = process.env,
}: Circumstances = {}): Promise<FaultServer> {
  const [command, commandArgs] = serverCommand(args)
  return follow([...under, command, ...commandArgs], env)
}

/** A program that tells a server's URL in its first line, as the server does. */
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
      // Deno tells of a child that its own `kill` was used on as ended by that signal, whatever its exit code was.
      if (isAlive(child.pid as number)) process.kill(child.pid as number, 'SIGTERM')
      return gone
    },
  }
}

/** A row that is shown where it can be, and is passed over by name where it cannot. */
export function shownUnless(
  obstacle: string | undefined,
  test: typeof plainTest,
): (title: string, body: () => Promise<void>) => void {
  return (title, body) =>
    void (obstacle === undefined ? test(title, body) : test.skip(`${title} [not shown here: ${obstacle}]`))
}

/** The same for a row of the full tier. */
export function shownInFull(
  obstacle: string | undefined,
  test: typeof plainTest,
): (title: string, body: () => Promise<void>) => void {
  return (title, body) =>
    void (obstacle === undefined ? test.full(title, body) : test.skip(`${title} [not shown here: ${obstacle}]`))
}

export const isLinux = process.platform === 'linux'
export const isRoot = process.getuid?.() === 0

export const needsLinux = isLinux ? undefined : 'it looks into /proc'

/** Whether a program can be run with these arguments, and ends well. */
export const works = (argv: readonly string[]): boolean =>
  isLinux && spawnSync(argv[0] as string, argv.slice(1), { stdio: 'ignore', cwd: '/' }).status === 0

const CONFINED = ['bwrap', '--ro-bind', '/', '/', '--unshare-user', '--unshare-pid', '--proc', '/proc', 'true']

/** Why a server that is started under these words can confine nothing. */
export const whyNoSandbox = (under: readonly string[] = []): string | undefined =>
  works([...under, ...CONFINED]) ? undefined : 'no sandbox on this machine'

/** A user of our own: how many processes one may have is counted over all of that user's, other tests' included. */
export const ownUser = 200_000 + (process.pid % 100_000)

/** What makes a command run as a user whose processes are all ours. */
export const asOwnUser = ['setpriv', `--reuid=${ownUser}`, `--regid=${ownUser}`, '--clear-groups']

/** Why nobody else can serve: only root becomes another user, who must be able to read the program. */
export function whyNoOwnUser(): string | undefined {
  if (!isRoot) return 'only root can become a user of its own'
  return works([...asOwnUser, ...serverCommand(['--version']).flat()])
    ? undefined
    : 'other users cannot read the program'
}

/** Fails with what the server said of itself, if it said anything. */
export function assertSilent(server: FaultServer): void {
  if (server.stderr() !== '') throw new Error(`the server said: ${server.stderr()}`)
}

/** Ends a server without a word to it, and waits until it is gone. */
export async function killHard(server: FaultServer): Promise<void> {
  process.kill(server.pid, 'SIGKILL')
  await eventually(() => !isAlive(server.pid), 30_000, 'the end of a killed server')
}

/** The bubblewrap of this machine: where it is, what it can do here, and how it is called. */
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { spawn } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import { accessSync, closeSync, constants, realpathSync, statSync } from 'node:fs'
import process from 'node:process'
import { internalError } from '../../protocol/wire/errors.ts'
import { encodeName } from '../../protocol/schemas/path-uri.ts'
import type { Network } from '../../protocol/schemas/sandbox.ts'
import { bubblewrapArguments, launcherPath, MAX_ARGUMENTS } from '../../sandbox/linux/bubblewrap.ts'
import type { BubblewrapAbilities, BubblewrapOptions } from '../../sandbox/linux/bubblewrap.ts'
import { launcherArguments, launcherImage } from '../../sandbox/linux/launcher.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { seccompFilter } from '../../sandbox/linux/seccomp.ts'
import type { Arch } from '../../sandbox/linux/seccomp.ts'
import { openBlob } from '../ffi/memfd.ts'
import { withProcessTag } from '../process-tree/process-tag.ts'

export type Bubblewrap = { path: string; abilities: BubblewrapAbilities }

export type BubblewrapCall = {
  bubblewrap: Bubblewrap
  plan: MountPlan | undefined
  coverForbidden: boolean
  network: Network
  cwd: string
  env: ReadonlyMap<string, string>
  command: readonly string[]
}

export type LauncherCall = Omit<BubblewrapCall, 'command'> & { launch: Parameters<typeof launcherArguments>[0] }

const ARGUMENTS_FD = 3
const SECCOMP_FD = 4
const LAUNCHER_FD = 5

/**
 * What to start, with an empty environment: the command's own is set inside, since out here its LD_PRELOAD
 * would be bubblewrap's.
 */
export function bubblewrapCommand({ bubblewrap, command, ...options }: BubblewrapCall): SandboxedCommand {
  return call(bubblewrap, command, { ...options, abilities: bubblewrap.abilities, seccompFd: SECCOMP_FD }, [])
}

/** The same, by way of the launcher, which finds the program inside and gives it a session, and its terminal. */
export function launcherCommand({ bubblewrap, launch, ...options }: LauncherCall): SandboxedCommand {
  const { abilities } = bubblewrap
  const command = [launcherPath(abilities, LAUNCHER_FD), ...launcherArguments(launch)]
  const full = { ...options, abilities, seccompFd: SECCOMP_FD, launcherFd: LAUNCHER_FD }
  return call(bubblewrap, command, full, [launcherImage(process.arch as Arch)])
}

function call(
  { path }: Bubblewrap,
  command: readonly string[],
  options: BubblewrapOptions,
  more: Uint8Array[],
): SandboxedCommand {
  const args = bubblewrapArguments(options)
  if (args.length > MAX_ARGUMENTS)
    throw internalError('the sandbox has more mounts and variables than bubblewrap takes')
  const blobs = [
    Buffer.concat(args.map((arg) => Buffer.from(encodeName(`${arg}\0`)))),
    seccompFilter(process.arch as Arch, options.network),
    ...more,
  ]
  const descriptors: number[] = []
  const close = (): void => descriptors.forEach((fd) => closeSync(fd))
  try {
    for (const blob of blobs) descriptors.push(openBlob(blob))
  } catch (error) {
    close()
    throw error
  }
  return { file: path, args: ['--args', String(ARGUMENTS_FD), '--', ...command], descriptors, close }
}

/** Every bubblewrap that there is, by its real path: the one that was named, else those on PATH. */
export function bubblewrapPaths(named: string | undefined): string[] {
  const directories = (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'))
  const candidates = named === undefined ? directories.map((directory) => `${directory}/bwrap`) : [named]
  const paths = new Set<string>()
  for (const candidate of candidates) {
    try {
      const path = realpathSync(candidate)
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) paths.add(path)
    } catch {
      // The next one, then.
    }
  }
  return [...paths]
}

/** Why there is none, and the remedy. */
export function noBubblewrap(named: string | undefined): string {
  if (named !== undefined) return `bubblewrap is not at ${named}, where --bwrap says it is`
  return 'bubblewrap is not on PATH: install it (apt install bubblewrap, dnf install bubblewrap), or name it with --bwrap PATH'
}

export type Probe = { abilities: BubblewrapAbilities } | { failure: string }

const READABLE: MountPlan = { base: 'readable', mounts: [], links: [], forbidden: [] }

/** From the best to what will do. Only root can mount without a user namespace. */
const VARIANTS: BubblewrapAbilities[] = [
  { userNamespace: true, proc: true },
  { userNamespace: true, proc: false },
  ...(process.geteuid?.() === 0 ? [{ userNamespace: false, proc: true }] : []),
]

/** A sandbox that takes longer to say nothing is none. */
const PROBE_MS = 10_000

/** Tries a whole sandbox, with all that a real one has. */
export async function probeBubblewrap(path: string): Promise<Probe> {
  if (process.arch !== 'x64' && process.arch !== 'arm64')
    return { failure: `there is no seccomp filter for the processor ${process.arch}` }
  let first: string | undefined
  for (const abilities of VARIANTS) {
    const failure = await tryOut({ path, abilities }).catch((error: Error) => error.message)
    if (failure === undefined) return { abilities }
    first ??= failure
  }
  return { failure: first as string }
}

/** Undefined if it works, else what it said. */
async function tryOut(bubblewrap: Bubblewrap): Promise<string | undefined> {
  const command = launcherCommand({
    bubblewrap,
    plan: READABLE,
    coverForbidden: false,
    network: 'restricted',
    cwd: '/',
    env: new Map(),
    launch: { terminal: false, arg0: 'bwrap', candidates: [bubblewrap.path], args: ['--version'] },
  })
  return new Promise((resolve) => {
    const stdio: StdioOptions = ['ignore', 'ignore', 'pipe', ...command.descriptors]
    const options = { cwd: '/', env: {}, stdio, timeout: PROBE_MS, killSignal: 'SIGKILL' } as const
    // Marked, so that it ends with this server.
    const child = withProcessTag(() => spawn(command.file, command.args, options))
    command.close()
    let said = ''
    child.stderr?.on('data', (bytes: Buffer) => (said += said.length < 4096 ? bytes.toString() : ''))
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(code === 0 ? undefined : said.trim().split('\n')[0] || `it ended with ${code ?? signal}`),
    )
  })
}

/** What to do about a bubblewrap that fails, by what it says. */
export function remedyFor(failure: string): string {
  if (/namespace|uid map|Operation not permitted|Permission denied|loopback|setns|unshare/i.test(failure)) {
    return (
      'allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 and user.max_user_namespaces > 0, ' +
      'kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap; ' +
      'in a container, run it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined, or privileged'
    )
  }
  if (/unknown option/i.test(failure)) return 'install bubblewrap 0.5 or newer, or name one with --bwrap PATH'
  return 'try it by hand: bwrap --ro-bind / / --unshare-user --unshare-pid --proc /proc true'
}

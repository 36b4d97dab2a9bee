/** bubblewrap on this machine: finds it, probes what it can do, and builds its command line. */
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { spawn } from 'node:child_process'
import type { StdioOptions } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import process from 'node:process'
import { internalError } from '../../protocol/wire/errors.ts'
import { encodeName } from '../../protocol/schemas/path-uri.ts'
import type { Network } from '../../protocol/schemas/sandbox.ts'
import { bubblewrapArguments, launcherPath, MAX_ARGUMENTS } from '../../sandbox/linux/bubblewrap.ts'
import type { BubblewrapAbilities, BubblewrapOptions } from '../../sandbox/linux/bubblewrap.ts'
import { launcherArguments, launcherImage } from '../../sandbox/linux/launcher.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { seccompFilter } from '../../sandbox/linux/seccomp.ts'
import { stageMounts, unstaged } from '../../sandbox/linux/staged-mounts.ts'
import type { Arch } from '../../sandbox/linux/system-calls.ts'
import { openMemfd } from '../ffi/memfd.ts'
import { prepareVerification, SandboxSetupError } from './mount-verification.ts'
import { areSandboxesRunning, countSandbox } from '../process/running-sandboxes.ts'
import { withProcessTag } from '../process-tree/process-tag.ts'
import { PROBE_MS } from '../limits.ts'

/** A bubblewrap that works here: its real path, and what it can do. */
export type Bubblewrap = { path: string; abilities: BubblewrapAbilities }

/** A sandbox to build: its mounts, network, working directory and environment, and the command inside. */
export type BubblewrapCall = {
  bubblewrap: Bubblewrap
  plan: MountPlan | undefined
  coverForbidden: boolean
  network: Network
  cwd: string
  env: ReadonlyMap<string, string>
  command: readonly string[]
}

/** Like {@link BubblewrapCall}, with the launcher's parameters in place of a command. */
export type LauncherCall = Omit<BubblewrapCall, 'command'> & { launch: Parameters<typeof launcherArguments>[0] }

const ARGUMENTS_FD = 3
const SECCOMP_FD = 4
/** The launcher's image or the program, if there is one. */
const PROGRAM_FD = 5

/**
 * Builds the bubblewrap command. It is started with an empty environment and sets the command's own inside: otherwise a
 * client's LD_PRELOAD would apply to bubblewrap. `program`: the descriptor of an executable that is run instead of the
 * command's file; the sandbox must have a /proc. The result owns it.
 * @throws RpcError (internal) for more arguments than bubblewrap takes; {@link MountsChangedError} if the plan is outdated
 */
export function bubblewrapCommand({
  bubblewrap,
  command,
  program,
  ...options
}: BubblewrapCall & { program?: number | undefined }): SandboxedCommand {
  const full = { ...options, abilities: bubblewrap.abilities, seccompFd: SECCOMP_FD }
  if (program === undefined) return call(bubblewrap, command, full, [])
  try {
    return call(bubblewrap, [`/proc/self/fd/${PROGRAM_FD}`, ...command.slice(1)], full, [program])
  } catch (error) {
    closeSync(program)
    throw error
  }
}

/**
 * Like {@link bubblewrapCommand}, but runs the launcher inside, which finds the program, creates a session, and makes
 * the terminal its controlling terminal.
 */
export function launcherCommand({ bubblewrap, launch, ...options }: LauncherCall): SandboxedCommand {
  const { abilities } = bubblewrap
  const command = [launcherPath(abilities, PROGRAM_FD), ...launcherArguments(launch)]
  const full = { ...options, abilities, seccompFd: SECCOMP_FD, launcherFd: PROGRAM_FD }
  const launcher = openMemfd(launcherImage(process.arch as Arch))
  try {
    return call(bubblewrap, command, full, [launcher])
  } catch (error) {
    closeSync(launcher)
    throw error
  }
}

/** `programs`: at most one, which the result owns. */
function call(
  { path }: Bubblewrap,
  command: readonly string[],
  { plan: wanted, ...options }: BubblewrapOptions,
  programs: readonly number[],
): SandboxedCommand {
  const { coverForbidden, abilities, network } = options
  const plan = wanted && { ...wanted, forbidden: coverForbidden ? wanted.forbidden : [] }
  // It costs a process more, so only where a command may be swapping directories.
  const attaches = abilities.attaches === true && areSandboxesRunning()
  const staged = plan && (attaches ? stageMounts : unstaged)(plan)
  const verification = prepareVerification(plan, staged?.attach ?? [], abilities.userNamespace)
  const contents: number[] = []
  const closeContents = (): void => contents.forEach((fd) => closeSync(fd))
  try {
    // The numbers that they have in bubblewrap, after the arguments and the filter.
    const sources = abilities.descriptorBinds === true ? [...(verification?.sources.descriptors ?? [])] : []
    const blockFd = SECCOMP_FD + programs.length + 1
    const sourceFds = new Map(sources.map(([source], index) => [source, blockFd + 1 + index]))
    const args = bubblewrapArguments({ ...options, plan, staged, ...(verification && { blockFd, sourceFds }) })
    if (args.length > MAX_ARGUMENTS)
      throw internalError('the sandbox has more mounts and variables than bubblewrap takes')
    contents.push(openMemfd(Buffer.concat(args.map((arg) => Buffer.from(encodeName(`${arg}\0`))))))
    contents.push(openMemfd(seccompFilter(process.arch as Arch, network)))
    return {
      file: path,
      args: ['--args', String(ARGUMENTS_FD), '--', ...command],
      descriptors: [
        ...contents,
        ...programs,
        ...(verification ? [verification.gate] : []),
        ...sources.map(([, fd]) => fd),
      ],
      close: () => {
        closeContents()
        for (const fd of programs) closeSync(fd)
        verification?.close()
      },
      ...(verification && { confirm: verification.confirm }),
    }
  } catch (error) {
    closeContents()
    verification?.close()
    throw error
  }
}

/** The real paths of all executable candidates: the given path, else every `bwrap` on PATH. */
export function bubblewrapPaths(named: string | undefined): string[] {
  const directories = (process.env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'))
  const candidates = named === undefined ? directories.map((directory) => `${directory}/bwrap`) : [named]
  const paths = new Set<string>()
  for (const candidate of candidates) {
    // Mostly missing: that is no error, which would take longer.
    if (!existsSync(candidate)) continue
    try {
      const path = realpathSync.native(candidate)
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) paths.add(path)
    } catch {
      // Try the next one.
    }
  }
  return [...paths]
}

/** The message for a missing bubblewrap, with the remedy. */
export function noBubblewrap(named: string | undefined): string {
  if (named !== undefined) return `bubblewrap is not at ${named}, where --bwrap says it is`
  return 'bubblewrap is not on PATH: install it (apt install bubblewrap, dnf install bubblewrap), or name it with --bwrap PATH'
}

/** The outcome of a probe. */
export type Probe = { abilities: BubblewrapAbilities } | { failure: string }

/** A sandbox with one mount, over a directory that each has. */
const PROBE: MountPlan = {
  base: 'readable',
  mounts: [{ kind: 'mask', path: '/dev/shm', isDirectory: true, leadsOn: false }],
  links: [],
  forbidden: [],
}

/** Ability sets to probe, best first. Only root can mount without a user namespace. */
const VARIANTS: BubblewrapAbilities[] = [
  { userNamespace: true, proc: true },
  { userNamespace: true, proc: false },
  ...(process.geteuid?.() === 0 ? [{ userNamespace: false, proc: true }] : []),
].flatMap((abilities) => [true, false].map((attaches) => ({ ...abilities, attaches })))

/** Probes a bubblewrap by running a complete sandbox. Never rejects: returns its abilities, or the first failure. */
export async function probeBubblewrap(path: string): Promise<Probe> {
  if (process.arch !== 'x64' && process.arch !== 'arm64')
    return { failure: `there is no seccomp filter for the processor ${process.arch}` }
  const help = run({ file: path, args: ['--help'], descriptors: [] }).catch(() => undefined)
  let first: string | undefined
  for (const abilities of VARIANTS) {
    const failure = await tryOut({ path, abilities }).catch((error: Error) => error.message)
    if (failure === undefined)
      return { abilities: { ...abilities, descriptorBinds: (await help)?.stdout.includes('--ro-bind-fd ') === true } }
    first ??= failure
  }
  return { failure: first as string }
}

/** Returns undefined on success, else the error message. */
async function tryOut(bubblewrap: Bubblewrap): Promise<string | undefined> {
  // As if a command were running, for the mount program.
  const notRunning = countSandbox()
  const command = launcherCommand({
    bubblewrap,
    plan: PROBE,
    coverForbidden: false,
    network: 'restricted',
    cwd: '/',
    env: new Map(),
    launch: { terminal: false, arg0: 'bwrap', candidates: [bubblewrap.path], args: ['--version'] },
  })
  notRunning()
  const { status, stderr } = await run(command).finally(command.close)
  return status === 0 ? undefined : stderr.trim().split('\n')[0] || `it ended with ${status}`
}

/** More than bubblewrap's help has, in characters. */
const MAX_PROBE_OUTPUT = 64 * 1024

type Ended = { status: number | NodeJS.Signals | null; stdout: string; stderr: string }

async function run({ file, args, descriptors, confirm }: Omit<SandboxedCommand, 'close'>): Promise<Ended> {
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...descriptors]
  const options = { cwd: '/', env: {}, stdio, timeout: PROBE_MS, killSignal: 'SIGKILL' } as const
  // Tagged, so that it is killed with this server.
  const child = withProcessTag(() => spawn(file, args, options))
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name]?.on('data', (bytes: Buffer) => {
      if (output[name].length < MAX_PROBE_OUTPUT) output[name] += bytes.toString()
    })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ status: code ?? signal, ...output }))
  })
  try {
    if (child.pid !== undefined) await confirm?.(child.pid, () => child.exitCode !== null || child.signalCode !== null)
  } catch (error) {
    // If bubblewrap has ended by itself, its message says why.
    if (!(error instanceof SandboxSetupError) && child.kill('SIGKILL')) {
      await ended
      throw error
    }
    child.kill('SIGKILL')
  }
  return ended
}

/** The remedy for a bubblewrap that fails with this message. */
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

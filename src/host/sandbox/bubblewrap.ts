/** Builds the command line of bubblewrap. */
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { closeSync } from 'node:fs'
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
import { MountsChangedError } from './mount-sources.ts'
import { prepareVerification } from './mount-verification.ts'
import { areSandboxesRunning } from '../process/running-sandboxes.ts'

/** A bubblewrap that works here: its real path, and what it can do. */
export type Bubblewrap = {
  path: string
  abilities: BubblewrapAbilities
  /** It is not known yet that it can do that: if it cannot, it fails by itself. */
  isAssumed?: true
}

/** Whether an error is bubblewrap's own, which has not run the command then. */
export const isFromBubblewrap = (error: unknown): boolean => error instanceof Error && /\bbwrap: /.test(error.message)

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
  const isDisturbed = areSandboxesRunning()
  // Then it is planned again, which waits for the answer.
  if (plan !== undefined && isDisturbed && abilities.attaches === undefined) throw new MountsChangedError()
  const attaches = isDisturbed && abilities.attaches === true
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

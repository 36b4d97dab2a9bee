/** From a mount plan to bubblewrap's arguments. */
import type { Network } from '../../protocol/schemas/sandbox.ts'
import type { MountPlan } from './mounts.ts'

/** What bubblewrap can do on a machine. */
export type BubblewrapAbilities = {
  /** Whether it makes a user namespace. Only root can do without. */
  userNamespace: boolean
  /** Whether it can mount a /proc of its own. Without, there is none inside: the machine's would be a way out. */
  proc: boolean
}

export type BubblewrapOptions = {
  /** Undefined: every file may be written, only the network is restricted. */
  plan: MountPlan | undefined
  network: Network
  abilities: BubblewrapAbilities
  /** The descriptor that the seccomp filter is read from. */
  seccompFd: number
  cwd: string
  env: ReadonlyMap<string, string>
  /** Whether the paths that must not come to be were put there to be covered. */
  coverForbidden: boolean
  /** The descriptor that holds the launcher, if the command is run by one. */
  launcherFd?: number
}

/** Where the launcher is to be found inside. Without a view of descriptors it is copied to where that would be. */
export function launcherPath({ proc }: BubblewrapAbilities, launcherFd: number): string {
  return proc ? `/proc/self/fd/${launcherFd}` : '/proc/launcher'
}

/** What bubblewrap itself takes in all, options and their values; a bound of its own. */
export const MAX_ARGUMENTS = 9000

/** Before the command. They are passed through a descriptor, so that nobody inside reads the policy in /proc/1/cmdline. */
export function bubblewrapArguments(options: BubblewrapOptions): string[] {
  const { network, abilities, seccompFd, cwd, env } = options
  return [
    ...(abilities.userNamespace ? ['--unshare-user'] : []),
    '--unshare-pid',
    '--unshare-ipc',
    ...(network === 'restricted' ? ['--unshare-net'] : []),
    // The end of the server, or of bubblewrap itself, is the end of everything inside.
    '--die-with-parent',
    ...(options.plan === undefined ? ['--dev-bind', '/', '/', ...processes(options)] : files(options.plan, options)),
    // Before the filter is laid on; root would keep its power over mounts otherwise.
    ...(options.plan === undefined && !abilities.userNamespace ? [] : ['--cap-drop', 'ALL']),
    '--seccomp',
    String(seccompFd),
    '--chdir',
    cwd,
    ...Array.from(env, ([name, value]) => ['--setenv', name, value]).flat(),
  ]
}

function files(plan: MountPlan, options: BubblewrapOptions): string[] {
  const masks = plan.mounts.filter((mount) => mount.kind === 'mask' && mount.isDirectory)
  return [
    ...base(plan.base),
    ...processes(options),
    ...plan.mounts.flatMap((mount) => {
      if (mount.kind === 'bind') return [mount.writable ? '--bind' : '--ro-bind', mount.path, mount.path]
      if (mount.isDirectory) return ['--perms', mount.leadsOn ? '0111' : '0000', '--tmpfs', mount.path]
      return coverFile(mount.path)
    }),
    ...plan.links.flatMap(({ path, text }) => ['--symlink', text, path]),
    ...(options.coverForbidden
      ? plan.forbidden.flatMap(({ path, isDirectory }) => (isDirectory ? coverDirectory(path) : coverFile(path)))
      : []),
    // Only now, since mounts below them made directories in them.
    ...masks.flatMap(({ path }) => ['--remount-ro', path]),
    ...(plan.base === 'empty' ? ['--remount-ro', '/'] : []),
  ]
}

function base(kind: MountPlan['base']): string[] {
  switch (kind) {
    case 'empty':
      return ['--tmpfs', '/', '--dev', '/dev']
    case 'readable':
      return ['--ro-bind', '/', '/', '--dev', '/dev']
    case 'writable':
      return ['--bind', '/', '/', '--dev', '/dev']
  }
}

/** The kernel's settings are the kernel's in every namespace: nobody inside is to change them, root least of all. */
function processes({ abilities, launcherFd }: BubblewrapOptions): string[] {
  if (abilities.proc) return ['--proc', '/proc', '--ro-bind-try', '/proc/sys', '/proc/sys']
  const launcher = launcherFd === undefined ? [] : ['--perms', '0555', '--file', String(launcherFd), '/proc/launcher']
  return ['--perms', '0555', '--tmpfs', '/proc', ...launcher, '--remount-ro', '/proc']
}

/** A device on a mount that allows none: it cannot be opened, by root either. */
const coverFile = (path: string): string[] => ['--ro-bind', '/dev/null', path]

const coverDirectory = (path: string): string[] => ['--perms', '0555', '--tmpfs', path, '--remount-ro', path]

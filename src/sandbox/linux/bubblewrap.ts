/** Turns a mount plan into bubblewrap's arguments. */
import type { Network } from '../../protocol/schemas/sandbox.ts'
import type { MountPlan } from './mounts.ts'
import { SHARED, unstaged } from './staged-mounts.ts'
import type { StagedMounts } from './staged-mounts.ts'

/** What bubblewrap can do on this machine. */
export type BubblewrapAbilities = {
  /** Whether it can create a user namespace. Only root can do without one. */
  userNamespace: boolean
  /** Whether it can mount its own /proc. If not, the sandbox has none: the host's /proc would be a way out. */
  proc: boolean
  /**
   * Whether it mounts open directories and files (--bind-fd, --ro-bind-fd): since 0.10, and where the distribution has
   * added them to mend CVE-2024-42472.
   */
  descriptorBinds?: boolean
  /**
   * Whether the mount program works, so that bubblewrap need not look up what a command may change. Absent: not tried yet.
   */
  attaches?: boolean
}

/** One sandboxed command. */
export type BubblewrapOptions = {
  /** Undefined: every file may be written and only the network is restricted. */
  plan: MountPlan | undefined
  network: Network
  abilities: BubblewrapAbilities
  /** Descriptor from which bubblewrap reads the seccomp filter. */
  seccompFd: number
  cwd: string
  env: ReadonlyMap<string, string>
  /** Whether placeholders exist at the forbidden paths, so that they can be covered. */
  coverForbidden: boolean
  /** Where the mounts of the plan are made. Undefined: each at its place. */
  staged?: StagedMounts | undefined
  /** Descriptor of the launcher image, if the launcher runs the command. */
  launcherFd?: number | undefined
  /** Descriptor of a pipe: once everything is mounted, bubblewrap waits for a byte. */
  blockFd?: number
  /** Descriptors of what the plan binds, by path. bubblewrap fails if something else is at that path by now. */
  sourceFds?: ReadonlyMap<string, number>
}

/** The launcher's path inside the sandbox. Without a /proc, bubblewrap copies it to /proc/launcher. */
export function launcherPath({ proc }: BubblewrapAbilities, launcherFd: number): string {
  return proc ? `/proc/self/fd/${launcherFd}` : '/proc/launcher'
}

/** bubblewrap's own limit on the number of arguments, option values included. */
export const MAX_ARGUMENTS = 9000

/**
 * What root keeps where every file may be written and there is no user namespace: whatever it takes to work with the files
 * of others. Not CAP_DAC_READ_SEARCH, which only adds opening files by handle, nor CAP_FSETID and CAP_SETFCAP, which make
 * programs that have more rights.
 */
const FILE_CAPABILITIES: readonly string[] = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER']

/** All arguments before the command. They go through a descriptor, so that /proc/1/cmdline does not show the policy. */
export function bubblewrapArguments(options: BubblewrapOptions): string[] {
  const { network, abilities, seccompFd, cwd, env } = options
  return [
    ...(abilities.userNamespace ? ['--unshare-user'] : []),
    '--unshare-pid',
    '--unshare-ipc',
    ...(network === 'restricted' ? ['--unshare-net'] : []),
    // Everything inside is killed when the server or bubblewrap dies.
    '--die-with-parent',
    ...(options.blockFd === undefined ? [] : ['--block-fd', String(options.blockFd)]),
    ...(options.plan === undefined ? ['--dev-bind', '/', '/', ...processes(options)] : files(options.plan, options)),
    // Before the seccomp filter is installed; otherwise root could still change mounts.
    ...['--cap-drop', 'ALL'],
    ...(options.plan === undefined && !abilities.userNamespace ? FILE_CAPABILITIES : []).flatMap((name) => [
      '--cap-add',
      name,
    ]),
    '--seccomp',
    String(seccompFd),
    '--chdir',
    cwd,
    ...Array.from(env, ([name, value]) => ['--setenv', name, value]).flat(),
  ]
}

function files(plan: MountPlan, options: BubblewrapOptions): string[] {
  const { mounts, links, forbidden, attach } = options.staged ?? unstaged(plan)
  const masks = mounts.filter(({ mount }) => mount.kind === 'mask' && mount.isDirectory)
  return [
    ...base(plan.base),
    ...processes(options),
    ...(attach.length > 0 ? shared() : []),
    ...mounts.flatMap(({ mount, place }) => {
      if (mount.kind === 'bind') return bind(mount.path, place, mount.writable, options.sourceFds?.get(mount.path))
      if (mount.isDirectory) return ['--perms', mount.leadsOn ? '0111' : '0000', '--tmpfs', place]
      return coverFile(place)
    }),
    ...links.flatMap(({ path, text }) => ['--symlink', text, path]),
    ...(options.coverForbidden
      ? forbidden.flatMap(({ path, isDirectory }) => (isDirectory ? coverDirectory(path) : coverFile(path)))
      : []),
    // Last, because bubblewrap creates mount points in them for the mounts below.
    ...masks.flatMap(({ place }) => ['--remount-ro', place]),
    ...(plan.base === 'empty' ? ['--remount-ro', '/'] : []),
  ]
}

function shared(): string[] {
  return [...coverDirectory(SHARED.absent), ...coverDirectory(SHARED.denied, '0000'), ...coverFile(SHARED.file)]
}

function bind(path: string, place: string, writable: boolean, fd: number | undefined): string[] {
  const option = writable ? '--bind' : '--ro-bind'
  return fd === undefined ? [option, path, place] : [`${option}-fd`, String(fd), place]
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

/** Mounts /proc. /proc/sys is read-only: most kernel settings are global, and root inside could change them. */
function processes({ abilities, launcherFd }: BubblewrapOptions): string[] {
  if (abilities.proc) return ['--proc', '/proc', '--ro-bind-try', '/proc/sys', '/proc/sys']
  const launcher = launcherFd === undefined ? [] : ['--perms', '0555', '--file', String(launcherFd), '/proc/launcher']
  return ['--perms', '0555', '--tmpfs', '/proc', ...launcher, '--remount-ro', '/proc']
}

/** /dev/null on a nodev mount: even root cannot open it. */
const coverFile = (path: string): string[] => ['--ro-bind', '/dev/null', path]

const coverDirectory = (path: string, mode = '0555'): string[] => [
  ...['--perms', mode, '--tmpfs', path],
  ...['--remount-ro', path],
]

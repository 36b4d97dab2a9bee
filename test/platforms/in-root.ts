/** Starts programs in a root file system, in namespaces of their own. What they change there is thrown away. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

/** A root with a layer above it that takes all changes. */
export type Overlay = {
  /** The layer. Files that are put here before a program starts are in the root. */
  layer: string
  start(argv: readonly string[]): ChildProcess
  remove(): void
}

/** Mounts the overlay at $1/merged, with /proc and /dev. The rest is the command. */
const MOUNT = `
  work=$1 root=$2; shift 2
  mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/layer,workdir=$work/work" "$work/merged"
`

/** bubblewrap changes the root as a container does; after chroot alone the kernel makes no user namespaces. */
const ENTER = `
  exec bwrap --bind "$work/merged" / --dev-bind /dev /dev --proc /proc --unshare-pid --cap-add ALL --die-with-parent "$@"
`

/**
 * Lets the kernel start arm64 programs with qemu, in this user namespace only (Linux 6.7 or newer). The flag F opens
 * the emulator at once, so that it need not be in the root; P passes argv[0] on.
 */
const EMULATE = `
  mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
  head='\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00'
  mask='\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff'
  printf %s ":arm64:M::$head:$mask:$(command -v qemu-aarch64-static):PF" > /proc/sys/fs/binfmt_misc/register
  mount -t proc proc "$work/merged/proc"
  mount --rbind /dev "$work/merged/dev"
  exec chroot "$work/merged" "$@"
`

const ENVIRONMENT = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' }

/** `isEmulated`: the root is of arm64, and this machine is not. */
export function overlay(root: string, isEmulated: boolean): Overlay {
  const work = mkdtempSync(join(tmpdir(), 'exec-server-root-'))
  for (const name of ['layer', 'work', 'merged']) mkdirSync(join(work, name))
  const unshare = [isEmulated ? '-Urmpf' : '-mf', '--kill-child', '--propagation', 'private']
  const script = `set -e${MOUNT}${isEmulated ? EMULATE : ENTER}`
  return {
    layer: join(work, 'layer'),
    start: (argv) =>
      spawn('unshare', [...unshare, '/bin/sh', '-c', script, 'sh', work, root, ...argv], {
        cwd: '/',
        env: { ...ENVIRONMENT, PATH: `${ENVIRONMENT.PATH}:${process.env['PATH']}` },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    remove: () => rmSync(work, { recursive: true, force: true }),
  }
}

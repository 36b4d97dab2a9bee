/** The command that starts the fs helper (this program again, in a sandbox), and the identity of its sandbox. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { bubblewrapCommand } from './bubblewrap.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import { FS_HELPER } from './helper-mode.ts'
import { nativePath } from '../fs/native-path.ts'
import { homeDirectory } from '../own-user.ts'
import { openOwnExecutable, ownFiles, selfCommand } from '../self-exec.ts'
import { isDeno } from '../../base/runtime.ts'
import { realPath } from './sandboxes.ts'
import { MAX_HELPER_MOUNTS } from '../limits.ts'

/** Linux's O_PATH: needs no read permission. */
const O_PATH = 0o10000000

type Identity = { key: string; close: () => void }

/**
 * Identifies a sandbox by its mounts and the files (device, inode) mounted there. Those files are held open until
 * `close`, since a freed inode number could be reused. Undefined if they cannot be opened or are too many.
 */
export function identify({ path }: Bubblewrap, plan: MountPlan): Identity | undefined {
  if (plan.mounts.length > MAX_HELPER_MOUNTS) return undefined
  const held: number[] = []
  const close = (): void => held.splice(0).forEach((fd) => closeSync(fd))
  try {
    for (const mount of plan.mounts) held.push(openSync(nativePath(mount.path), O_PATH | constants.O_NOFOLLOW))
  } catch {
    close()
    return undefined
  }
  const identities = held.map((fd) => {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    return `${dev}:${ino}`
  })
  const { base, mounts, links } = plan
  return { key: JSON.stringify([path, base, mounts, links, identities]), close }
}

/** The helper gets no network, and of the environment only PATH and the temporary directories. */
const HELPER_VARIABLES = ['PATH', 'TMPDIR', 'TMP', 'TEMP']

/** Builds the command of a helper. `coverForbidden`: mount over forbidden paths. */
export function helperCommand(bubblewrap: Bubblewrap, plan: MountPlan, coverForbidden: boolean): SandboxedCommand {
  const env = HELPER_VARIABLES.flatMap((name): [string, string][] => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  // Deno looks for its cache, although nothing needs to be fetched.
  if (isDeno) env.push(['DENO_DIR', process.env['DENO_DIR'] ?? join(homeDirectory() ?? '/', '.cache', 'deno')])
  return bubblewrapCommand({
    bubblewrap,
    plan,
    coverForbidden,
    network: 'restricted',
    cwd: '/',
    env: new Map(env),
    command: [...selfCommand(), FS_HELPER],
    // Its file may have been replaced, by an update, or deleted.
    program: bubblewrap.abilities.proc ? openOwnExecutable() : undefined,
  })
}

/** The paths that the helper needs to run: this program and the libraries that it is linked to. */
export function helperFiles(): string[] {
  return [...ownFiles().map(realPath), '/lib', '/lib32', '/lib64', '/usr/lib', '/usr/lib64', '/nix/store'].filter(
    (path) => path !== '/',
  )
}

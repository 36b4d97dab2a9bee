/** The helper of sandboxed file calls as a command: this program again, in a sandbox, and what tells one sandbox from another. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { bubblewrapCommand } from './bubblewrap.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import { FS_HELPER } from './helper-mode.ts'
import { nativePath } from '../fs/native-path.ts'
import { selfCommand, ownFiles } from '../self-exec.ts'
import { isDeno } from '../../base/runtime.ts'
import { realPath } from './sandboxes.ts'

/** With more mounts a helper is not kept: their files would be held open for as long. */
const MAX_HELD = 64

/** Where no right to read is needed, and nothing is followed. */
const O_PATH = 0o10000000

type Identity = { key: string; close: () => void }

/**
 * Sandboxes are the same if the mounts are, and if what is mounted is. What a kept helper has mounted is held
 * open, since its number would go to the next file else; undefined where that cannot be done.
 */
export function identify({ path }: Bubblewrap, plan: MountPlan): Identity | undefined {
  if (plan.mounts.length > MAX_HELD) return undefined
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

/** The helper never gets the network, nor more of the environment than where programs and temporary files are. */
const HELPER_VARIABLES = ['PATH', 'TMPDIR', 'TMP', 'TEMP']

export function helperCommand(bubblewrap: Bubblewrap, plan: MountPlan, coverForbidden: boolean): SandboxedCommand {
  const env = HELPER_VARIABLES.flatMap((name): [string, string][] => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  // It looks for its cache, though nothing is to be fetched.
  if (isDeno) env.push(['DENO_DIR', process.env['DENO_DIR'] ?? join(homedir(), '.cache', 'deno')])
  return bubblewrapCommand({
    bubblewrap,
    plan,
    coverForbidden,
    network: 'restricted',
    cwd: '/',
    env: new Map(env),
    command: [...selfCommand(), FS_HELPER],
  })
}

/** What the helper needs to run: itself and the libraries that it is linked to. */
export function helperFiles(): string[] {
  return [...ownFiles().map(realPath), '/lib', '/lib32', '/lib64', '/usr/lib', '/usr/lib64', '/nix/store'].filter(
    (path) => path !== '/',
  )
}

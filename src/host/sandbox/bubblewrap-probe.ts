/** Finds bubblewrap on this machine, and probes what it can do. */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import process from 'node:process'
import { clearTimeout, setTimeout } from 'node:timers'
import type { BubblewrapAbilities } from '../../sandbox/linux/bubblewrap.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { parentOf } from '../../sandbox/policy/policy.ts'
import { PROBE_MS } from '../limits.ts'
import { exitCode } from '../process-tree/child-exits.ts'
import type { ProcessExit } from '../process-tree/child-exits.ts'
import { withProcessTag } from '../process-tree/process-tag.ts'
import { describeExit, startProcess, untilClosed } from '../process-tree/start-process.ts'
import { countSandbox } from '../process/running-sandboxes.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { launcherCommand } from './bubblewrap.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import { SandboxSetupError } from './mount-verification.ts'

/** Whether there is a filter of system calls for this processor. */
export const canFilter = (): boolean => process.arch === 'x64' || process.arch === 'arm64'

/** What bubblewrap can do on most machines. */
export const USUAL_ABILITIES: BubblewrapAbilities = { userNamespace: true, proc: true, descriptorBinds: true }

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

/** A sandbox with a mount over a directory that each has, and one of a directory that is there: bubblewrap's own. */
function probePlan(bubblewrap: string): MountPlan {
  const folder = parentOf(bubblewrap) ?? '/'
  const bind = { kind: 'bind', path: folder, writable: false } as const
  return {
    base: 'readable',
    mounts: [{ kind: 'mask', path: '/dev/shm', isDirectory: true, leadsOn: false }, ...(folder === '/' ? [] : [bind])],
    links: [],
    forbidden: [],
  }
}

/** Ability sets to probe, best first. Only root can mount without a user namespace. */
const VARIANTS: BubblewrapAbilities[] = [
  { userNamespace: true, proc: true },
  { userNamespace: true, proc: false },
  ...(process.geteuid?.() === 0 ? [{ userNamespace: false, proc: true }] : []),
]

/**
 * Probes a bubblewrap by running a complete sandbox. Never rejects: returns its abilities but for `attaches`, or the first
 * failure.
 */
export async function probeBubblewrap(path: string): Promise<Probe> {
  if (!canFilter()) return { failure: `there is no seccomp filter for the processor ${process.arch}` }
  let descriptorBinds = true
  let first: string | undefined
  for (let variant = VARIANTS[0]; variant !== undefined; ) {
    const abilities = { ...variant, descriptorBinds }
    const failure = await tryOut({ path, abilities })
    if (failure === undefined) return { abilities }
    const isOld = descriptorBinds && /option --ro-bind-fd/.test(failure)
    if (isOld) descriptorBinds = false
    else {
      first ??= failure
      variant = VARIANTS[VARIANTS.indexOf(variant) + 1]
    }
  }
  return { failure: first as string }
}

/** The outcomes, and those that are awaited. */
const attachProbes = new WeakMap<BubblewrapAbilities, Promise<boolean>>()

/**
 * Finds out whether the mount program works with this bubblewrap, and notes that in its abilities. Once, and only when it
 * is needed: it takes another sandbox.
 */
export function probeAttaching({ path, abilities }: Bubblewrap): Promise<boolean> {
  const probe = async (): Promise<boolean> => {
    abilities.attaches = (await tryOut({ path, abilities: { ...abilities, attaches: true } })) === undefined
    return abilities.attaches
  }
  const started = attachProbes.get(abilities) ?? probe()
  attachProbes.set(abilities, started)
  return started
}

/** Returns undefined on success, else the error message. */
async function tryOut(bubblewrap: Bubblewrap): Promise<string | undefined> {
  const { path, abilities } = bubblewrap
  // Attaches as if a command were running.
  const notRunning = abilities.attaches === true ? countSandbox() : () => {}
  try {
    const command = launcherCommand({
      bubblewrap:
        abilities.attaches === undefined ? { path, abilities: { ...abilities, attaches: false } } : bubblewrap,
      plan: probePlan(path),
      coverForbidden: false,
      network: 'restricted',
      cwd: '/',
      env: new Map(),
      launch: { terminal: false, arg0: 'bwrap', candidates: [path], args: ['--version'] },
    })
    notRunning()
    const { exit, stderr } = await run(command).finally(command.close)
    return exitCode(exit) === 0 ? undefined : stderr.trim().split('\n')[0] || `it ended with ${describeExit(exit)}`
  } catch (error) {
    return (error as Error).message
  } finally {
    notRunning()
  }
}

/** What is kept of bubblewrap's messages, in characters. */
const MAX_PROBE_OUTPUT = 64 * 1024

async function run({
  file,
  args,
  descriptors,
  confirm,
}: Omit<SandboxedCommand, 'close'>): Promise<{ exit: ProcessExit; stderr: string }> {
  const stdio = ['ignore', 'ignore', 'pipe', ...descriptors] as const
  // Tagged, so that it is killed with this server.
  const child = withProcessTag(() => startProcess({ file, args, cwd: '/', env: new Map(), stdio, detached: false }))
  let stderr = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    if (stderr.length < MAX_PROBE_OUTPUT) stderr += bytes.toString()
  })
  let isOver = false
  const ended = untilClosed(child).finally(() => (isOver = true))
  await child.started
  const timer = setTimeout(child.kill, PROBE_MS)
  try {
    await confirm?.(child.pid as number, () => isOver)
    return { exit: await ended, stderr }
  } catch (error) {
    // If bubblewrap has ended by itself, its message says why.
    child.kill()
    const exit = await ended
    if (error instanceof SandboxSetupError) return { exit, stderr }
    throw error
  } finally {
    clearTimeout(timer)
  }
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

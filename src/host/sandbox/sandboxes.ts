/** What this machine can sandbox, and with which tool. A sandbox that cannot be enforced is refused. */
import { existsSync, realpathSync } from 'node:fs'
import process from 'node:process'
import { isWithin } from '../../base/paths.ts'
import type { Network, Sandbox, SandboxType } from '../../protocol/schemas/sandbox.ts'
import { unconfinedPath } from '../../sandbox/linux/confinement.ts'
import { planMounts } from '../../sandbox/linux/mounts.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { nestedMountPoint } from '../../sandbox/linux/staged-mounts.ts'
import type { PlanNeeds } from '../../sandbox/policy/resolved-paths.ts'
import { MINIMAL_PATHS, resolvePolicy } from '../../sandbox/policy/policy.ts'
import type { Policy, Surroundings } from '../../sandbox/policy/policy.ts'
import { seatbeltProfile } from '../../sandbox/macos/seatbelt.ts'
import {
  bubblewrapPaths,
  canFilter,
  noBubblewrap,
  probeAttaching,
  probeBubblewrap,
  remedyFor,
  USUAL_ABILITIES,
} from './bubblewrap-probe.ts'
import type { Probe } from './bubblewrap-probe.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import { refuseCaseFolding } from './case-folding.ts'
import { isMountPointWith } from './mount-points.ts'
import { matchedFiles, sandboxDisk } from './sandbox-disk.ts'
import { areSandboxesRunning } from '../process/running-sandboxes.ts'
import { isSea } from '../../base/sea.ts'
import { bundledTools } from '../tools/bundled-tools.ts'
import { homeDirectory } from '../own-user.ts'
import { executableFiles } from '../self-exec.ts'
import { FAILED_PROBE_MS, KEPT_POLICIES, KEPT_POLICY_CHARACTERS } from '../limits.ts'

/** What the command line says about sandboxes. */
export type SandboxOptions = {
  /** The only bubblewrap to use. Absent: the first on PATH that a sandboxed command could not have written. */
  bubblewrap?: string
  /** Refuse requests without a sandbox. */
  required: boolean
  /** The unix socket that this server listens on. */
  ownSocket?: string
}

/** The sandbox cannot be enforced here. The message names the remedy. */
export class SandboxUnavailableError extends Error {}

/** The sandbox type that this platform reports. */
export const sandboxType: SandboxType = process.platform === 'darwin' ? 'macosSeatbelt' : 'linuxSeccomp'

const disk = sandboxDisk(isMountPointWith)

/** The sandboxes of this machine. */
export type Sandboxes = {
  required: boolean
  /** Unix sockets that no command gets to see. */
  ownSockets: readonly string[]
  /** Starts the probe ahead of time, once: a client has connected and may soon ask for a sandbox. */
  prepare(): void
  /**
   * A working bubblewrap that the sandboxed command cannot write. `mayAssume`: it may also be one whose probe is not over,
   * with what most can do; ask again without if it fails.
   * @throws SandboxUnavailableError if there is none
   */
  bubblewrapFor(policy: Policy | undefined, sandbox: Sandbox, mayAssume?: boolean): Promise<Bubblewrap>
}

/** Returns the sandboxes of this machine. Nothing is probed yet. */
export function createSandboxes({ bubblewrap, required, ownSocket }: SandboxOptions): Sandboxes {
  const probes = new Map<string, { probe: Promise<Probe>; since: number; isOver: boolean }>()

  const probe = async (path: string): Promise<Probe> => {
    const known = probes.get(path)
    if (known !== undefined) {
      const result = await known.probe
      if ('abilities' in result || performance.now() - known.since < FAILED_PROBE_MS) return result
    }
    const started = { probe: probeBubblewrap(path), since: performance.now(), isOver: false }
    probes.set(path, started)
    return started.probe.finally(() => (started.isOver = true))
  }

  let isPrepared = process.platform !== 'linux'

  return {
    required,
    ownSockets: ownSocket === undefined ? [] : [ownSocket],
    prepare() {
      if (isPrepared) return
      isPrepared = true
      for (const path of bubblewrapPaths(bubblewrap).slice(0, 1)) void probe(path)
    },
    async bubblewrapFor(policy, sandbox, mayAssume = false) {
      if (process.platform !== 'linux') throw new SandboxUnavailableError(`there is no sandbox for ${process.platform}`)
      const paths = bubblewrapPaths(bubblewrap)
      if (paths.length === 0) throw new SandboxUnavailableError(noBubblewrap(bubblewrap))
      const safe = paths.filter((path) => !isInReach(path, policy, sandbox))
      if (safe.length === 0)
        throw new SandboxUnavailableError(
          `bubblewrap at ${paths.join(', ')} is in the workspace or may be written by the command: name another with --bwrap PATH`,
        )
      let failure = ''
      for (const path of safe) {
        const probing = probe(path)
        if (mayAssume && canFilter() && probes.get(path)?.isOver !== true)
          return { path, abilities: USUAL_ABILITIES, isAssumed: true }
        const result = await probing
        if ('abilities' in result) return { path, abilities: result.abilities }
        failure ||= `${path} does not work here: ${result.failure}. To mend it, ${remedyFor(result.failure)}`
      }
      throw new SandboxUnavailableError(failure)
    },
  }
}

/**
 * Whether the command can write this path, so that it could have planted the program. A write grant on the root does
 * not count, as everything would be in reach; the mounts then protect bubblewrap itself.
 */
function isInReach(path: string, policy: Policy | undefined, { cwd, workspaceRoots = [] }: Sandbox): boolean {
  const granted = (policy?.rules ?? []).filter(({ access }) => access === 'write').map((rule) => rule.path)
  const roots = [...granted, ...workspaceRoots, ...(cwd === undefined ? [] : [cwd])]
  return roots.some((root) => root !== '/' && isWithin(path, realPath(root)))
}

/** The real path, or the path itself if it cannot be resolved. */
export function realPath(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return path
  }
}

/** Only the system's own: one from PATH could be anyone's. */
export const SANDBOX_EXEC = '/usr/bin/sandbox-exec'

/**
 * The arguments of sandbox-exec before the command.
 * @throws SandboxUnavailableError if sandbox-exec is missing
 */
export function seatbeltArguments(policy: Policy | undefined, network: Network, needs: PlanNeeds = {}): string[] {
  if (!existsSync(SANDBOX_EXEC)) throw new SandboxUnavailableError(`${SANDBOX_EXEC} is missing, which is part of macOS`)
  return ['-p', seatbeltProfile(policy, network, disk, { ...needs, protect: protectedFiles() }), '--']
}

/** Policies by what they were made of: a client sends the same sandbox with most of its calls. */
const policies = new Map<string, Policy | undefined>()

/** Resolves a sandbox to a policy for this machine. Undefined: every file may be written. */
export function policyOf(sandbox: Sandbox, surroundings: Surroundings): Policy | undefined {
  const place = { home: homeDirectory(), ...surroundings }
  const key = JSON.stringify([sandbox, place])
  if (policies.has(key)) return policies.get(key)
  const policy = resolvePolicy(sandbox, place)
  if (key.length <= KEPT_POLICY_CHARACTERS) policies.set(key, policy)
  const [oldest] = policies.keys()
  if (policies.size > KEPT_POLICIES && oldest !== undefined) policies.delete(oldest)
  return policy
}

/** The executable itself, and its libraries. */
const ownProgram = isSea() ? executableFiles().map(realPath) : []

/** What no sandboxed command may change. */
function protectedFiles(): string[] {
  const tools = bundledTools()
  return tools?.isOwn === true ? [...ownProgram, realPath(tools.folder)] : ownProgram
}

/**
 * The mounts of a policy but for its deny globs, which take time. To judge it only.
 * @throws RpcError (invalid params) where the policy cannot be enforced
 */
export const planNow = (policy: Policy): MountPlan => planMounts(policy, disk)

/**
 * Why --require-sandbox and prepared starts do not take this for a sandbox, which must confine files, as the end of a
 * sentence; undefined if they do. The mounts are judged that a policy comes to here, as links and aliases hide in its words
 * what it grants. Without a policy every file may be written.
 * @throws RpcError (invalid params) if the policy cannot be enforced
 */
export function whyNoSandbox(policy: Policy | undefined): string | undefined {
  const path = policy === undefined ? '/' : unconfinedPath(planNow(policy), MINIMAL_PATHS.map(realPath))
  return path && `in a sandbox that confines nothing: ${path} may be written`
}

/**
 * Plans the mounts for a policy.
 * @throws RpcError (invalid params) if a deny glob cannot be enforced; SandboxUnavailableError if the mounts cannot be
 * made while other commands run
 */
export async function planFor(policy: Policy, bubblewrap: Bubblewrap, needs: PlanNeeds = {}): Promise<MountPlan> {
  const matches = policy.denyGlobs.length === 0 ? [] : await matchedFiles(policy.denyGlobs, policy.globScanMaxDepth)
  const deny = [...(needs.deny ?? []), ...matches]
  const plan = planMounts(policy, disk, { ...needs, protect: [...protectedFiles(), bubblewrap.path], deny })
  refuseCaseFolding(plan)
  if (areSandboxesRunning() && !(await probeAttaching(bubblewrap))) refuseNested(plan)
  return plan
}

/** @throws SandboxUnavailableError where a running command could lead bubblewrap to create a mount point elsewhere */
function refuseNested(plan: MountPlan): void {
  const path = nestedMountPoint(plan)
  if (path !== undefined)
    throw new SandboxUnavailableError(
      `bubblewrap may not start a program that mounts, so ${path} cannot be mounted while another sandboxed command runs`,
    )
}

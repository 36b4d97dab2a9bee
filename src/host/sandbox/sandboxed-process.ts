/** How a command is started in a sandbox. */
import process from 'node:process'
import type { SpawnSpec } from '../../core/base/host.ts'
import { invalidParams } from '../../protocol/wire/errors.ts'
import type { Network, Sandbox } from '../../protocol/schemas/sandbox.ts'
import { isVisible } from '../../sandbox/linux/mounts.ts'
import type { Policy } from '../../sandbox/policy/policy.ts'
import { argv0Command } from '../process/argv0.ts'
import { launcherCommand } from './bubblewrap.ts'
import type { SandboxedStart } from '../process/sandboxed-command.ts'
import { holdMountPoints } from './mount-points.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { checkSize, validateSpawn, resolveExecutable, programCandidates } from '../process/resolve-executable.ts'
import { SandboxUnavailableError, planFor, policyOf, realPath, SANDBOX_EXEC, seatbeltArguments } from './sandboxes.ts'
import type { Sandboxes } from './sandboxes.ts'

export type HowToStart =
  /** As any command; on macOS the spec has its sandbox in front of the command. */
  { spec: SpawnSpec } | { confined: SandboxedStart }

/** Throws -32602 where what the spec asks for cannot be enforced. */
export async function confineProcess(spec: SpawnSpec, sandboxes: Sandboxes): Promise<HowToStart> {
  try {
    const { sandbox, cwd, env } = spec
    const policy = sandbox && policyOf(sandbox, { cwd, tmpdir: env.get('TMPDIR') })
    if (sandbox === undefined || (policy === undefined && sandbox.network === 'enabled')) {
      if (sandboxes.required) throw invalidParams('this executor runs no command without a sandbox (--require-sandbox)')
      return { spec }
    }
    validateSpawn(spec)
    checkSize(spec.argv, env)
    if (process.platform === 'darwin') return { spec: behindSeatbelt(spec, policy, sandbox.network) }
    return { confined: await confine(spec, sandbox, policy, sandboxes) }
  } catch (error) {
    if (error instanceof SandboxUnavailableError)
      throw invalidParams(`this executor cannot enforce the process sandbox: ${error.message}`)
    throw error
  }
}

/** Someone else may make what was found missing, between the look and the making. */
const MAX_TRIES = 3

async function confine(
  spec: SpawnSpec,
  sandbox: Sandbox,
  policy: Policy | undefined,
  sandboxes: Sandboxes,
): Promise<SandboxedStart> {
  const { env } = spec
  // By the name that it has inside, too.
  const cwd = realPath(spec.cwd)
  const bubblewrap = await sandboxes.bubblewrapFor(policy, sandbox)
  const [program, ...args] = spec.argv as [string, ...string[]]
  const launch = {
    terminal: spec.stdin === 'terminal',
    arg0: spec.arg0 ?? program,
    candidates: programCandidates(program, env),
    args,
  }
  for (let tries = 1; ; tries++) {
    const plan = policy && (await planFor(policy, bubblewrap))
    if (plan !== undefined && !isVisible(plan, cwd))
      throw invalidParams(`the working directory ${spec.cwd} is not readable in the sandbox`)
    const points = hold(plan?.forbidden ?? [], tries)
    if (points === undefined) continue
    try {
      const common = { bubblewrap, network: sandbox.network, cwd, env, launch, coverForbidden: true }
      const command = launcherCommand({ ...common, plan: plan && { ...plan, forbidden: points.held } })
      return { ...command, release: points.release }
    } catch (error) {
      points.release()
      throw error
    }
  }
}

/** sandbox-exec gives a command no other argv[0] than its name, so this program is put between where that is wanted. */
function behindSeatbelt(spec: SpawnSpec, policy: Policy | undefined, network: Network): SpawnSpec {
  const { arg0, ...plain } = spec
  const command = arg0 === undefined ? spec.argv : argv0Command(arg0, resolveExecutable(spec).path, spec.argv.slice(1))
  return { ...plain, argv: [SANDBOX_EXEC, ...seatbeltArguments(policy, network), ...command] }
}

function hold(
  forbidden: Parameters<typeof holdMountPoints>[0],
  tries: number,
): ReturnType<typeof holdMountPoints> | undefined {
  try {
    return holdMountPoints(forbidden)
  } catch (error) {
    if (errorCode(error) === 'EEXIST' && tries < MAX_TRIES) return undefined
    throw error
  }
}

/** Starts commands in a sandbox. */
import process from 'node:process'
import type { SpawnSpec } from '../../core/base/host.ts'
import { invalidParams } from '../../protocol/wire/errors.ts'
import type { Network, Sandbox } from '../../protocol/schemas/sandbox.ts'
import { isVisible } from '../../sandbox/linux/mounts.ts'
import type { Policy } from '../../sandbox/policy/policy.ts'
import { argv0Command } from '../process/argv0.ts'
import { launcherCommand } from './bubblewrap.ts'
import { controlSockets } from './control-sockets.ts'
import { countSandbox } from '../process/running-sandboxes.ts'
import type { SandboxedStart } from '../process/sandboxed-command.ts'
import { holdMountPoints } from './mount-points.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { checkSize, validateSpawn, resolveExecutable, programCandidates } from '../process/resolve-executable.ts'
import {
  SandboxUnavailableError,
  planFor,
  policyOf,
  realPath,
  SANDBOX_EXEC,
  seatbeltArguments,
  whyNoSandbox,
} from './sandboxes.ts'
import type { Sandboxes } from './sandboxes.ts'

/** How a command is to be started. */
export type HowToStart =
  /** Without bubblewrap; on macOS the spec has sandbox-exec in front of the command. */
  { spec: SpawnSpec } | { sandboxed: SandboxedStart }

/**
 * Prepares a command's sandbox. `visible`: paths that it can read besides those that the sandbox names.
 * @throws RpcError (invalid params, -32602) if the sandbox cannot be enforced here, or is missing or confines nothing
 * where --require-sandbox or a prepared start asks for one
 */
export async function sandboxProcess(
  spec: SpawnSpec,
  sandboxes: Sandboxes,
  visible: readonly string[] = [],
): Promise<HowToStart> {
  try {
    const { sandbox, cwd, env } = spec
    const policy = sandbox && policyOf(sandbox, { cwd, tmpdir: env.get('TMPDIR') })
    const asker = sandboxes.required ? '--require-sandbox' : spec.isPrepared === true ? 'prepared' : undefined
    if (asker !== undefined) {
      const why = sandbox === undefined ? 'without a sandbox' : whyNoSandbox(policy)
      if (why !== undefined) throw invalidParams(`this executor runs no command ${why} (${asker})`)
    }
    if (sandbox === undefined || (policy === undefined && sandbox.network === 'enabled')) return { spec }
    validateSpawn(spec)
    checkSize(spec.argv, env)
    if (process.platform === 'darwin') return { spec: behindSeatbelt(spec, policy, sandbox.network, visible) }
    return { sandboxed: await buildSandboxed(spec, sandbox, policy, sandboxes, visible) }
  } catch (error) {
    if (error instanceof SandboxUnavailableError)
      throw invalidParams(`this executor cannot enforce the process sandbox: ${error.message}`)
    throw error
  }
}

/** Attempts when another process creates a path between the check and the creation of its mount point. */
const MAX_TRIES = 3

async function buildSandboxed(
  spec: SpawnSpec,
  sandbox: Sandbox,
  policy: Policy | undefined,
  sandboxes: Sandboxes,
  visible: readonly string[],
): Promise<SandboxedStart> {
  const { env } = spec
  // The real path, which is also the directory's name inside the sandbox.
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
    // Without a network the filter refuses them all.
    const deny = sandbox.network === 'enabled' && policy ? controlSockets(policy, sandboxes.ownSockets) : []
    const plan = policy && (await planFor(policy, bubblewrap, { deny, visible }))
    if (plan !== undefined && !isVisible(plan, cwd))
      throw invalidParams(`the working directory ${spec.cwd} is not readable in the sandbox`)
    const points = hold(plan?.forbidden ?? [], tries)
    if (points === undefined) continue
    try {
      const common = { bubblewrap, network: sandbox.network, cwd, env, launch, coverForbidden: true }
      const command = launcherCommand({ ...common, plan: plan && { ...plan, forbidden: points.held } })
      const ended = countSandbox()
      const release = (): void => {
        ended()
        points.release()
      }
      return { ...command, release, sharesNetwork: sandbox.network === 'enabled' }
    } catch (error) {
      points.release()
      throw error
    }
  }
}

/**
 * sandbox-exec always passes the program's name as argv[0], so for a custom one this program is started in between.
 */
function behindSeatbelt(
  spec: SpawnSpec,
  policy: Policy | undefined,
  network: Network,
  visible: readonly string[],
): SpawnSpec {
  const { arg0, ...plain } = spec
  const command = arg0 === undefined ? spec.argv : argv0Command(arg0, resolveExecutable(spec).path, spec.argv.slice(1))
  return { ...plain, argv: [SANDBOX_EXEC, ...seatbeltArguments(policy, network, { visible }), ...command] }
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

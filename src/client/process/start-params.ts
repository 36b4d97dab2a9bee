/** Builds the params of process/start. */
import { UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { EnvPolicyInput, PreparedSandbox, Sandbox, StartOptions } from '../base/types.ts'
import type { PathEncoder } from '../session/rpc-client.ts'
import { toSandboxContext } from '../session/sandbox-context.ts'
import type { Session } from '../session/session.ts'

/** Whether the options ask for a terminal. */
export const isTerminal = ({ tty = false }: StartOptions): boolean => tty !== false

/** Default environment policy: inherit all of the server's variables. */
const INHERIT_ALL: EnvPolicyInput = { inherit: 'all', ignoreDefaultExcludes: true }

/**
 * The params of process/start.
 * @throws {UnsupportedError} If the server would ignore a part of them.
 * @throws {TypeError} For what a prepared start must not leave to the server.
 */
export function startParams(
  id: string,
  options: StartOptions,
  session: Session,
  paths: PathEncoder,
  limits: ClientLimits,
): Record<string, unknown> {
  const { argv, cwd, env = {}, tty = false, stdin = 'closed', arg0, sandbox, agent, prepared } = options
  const { environmentInfo, extensions } = session
  const { envPolicy = prepared === undefined ? INHERIT_ALL : null } = options
  return {
    processId: id,
    argv,
    cwd: paths.encode(cwd ?? environmentInfo?.cwd ?? '/'),
    env,
    envPolicy:
      envPolicy === null ? null : { ignoreDefaultExcludes: false, exclude: [], set: {}, includeOnly: [], ...envPolicy },
    tty: isTerminal(options),
    pipeStdin: stdin === 'pipe',
    arg0: arg0 ?? null,
    ...(prepared === undefined ? {} : { prepared: preparedStart(options, prepared, session, paths) }),
    ...(sandbox === undefined ? {} : { sandbox: sandboxContext(sandbox, session, paths) }),
    ...(typeof tty === 'object' ? { terminalSize: tty } : {}),
    ...(agent === undefined ? {} : { agent }),
    ...(extensions.has('outputWindow') ? { outputWindow: limits.outputWindow } : {}),
  }
}

/**
 * Servers up to 0.140, which do not report their environment, ignore a sandbox and run the command without one, so
 * refuse here.
 */
function sandboxContext(sandbox: Sandbox, { environmentInfo }: Session, paths: PathEncoder): object {
  if (environmentInfo === undefined) throw new UnsupportedError('this server runs no command in a sandbox')
  return toSandboxContext(sandbox, paths)
}

function preparedStart(
  { sandbox, envPolicy, agent }: StartOptions,
  { entries, network }: PreparedSandbox,
  { extensions }: Session,
  paths: PathEncoder,
): object {
  if (!extensions.has('prepared')) throw new UnsupportedError('this server takes no prepared start')
  if (sandbox !== undefined || (envPolicy ?? null) !== null || agent !== undefined)
    throw new TypeError('a prepared start has no sandbox, envPolicy or agent beside it')
  return { sandbox: { entries: entries.map(({ path, access }) => ({ path: paths.encode(path), access })), network } }
}

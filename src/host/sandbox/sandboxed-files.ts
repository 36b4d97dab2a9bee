/** File calls under a sandbox: in a helper, or directly where the sandbox restricts nothing. */
import { constants } from 'node:fs'
import process from 'node:process'
import type { Caller } from '../../core/base/fair-slots.ts'
import type { Files } from '../../core/base/host.ts'
import { internalError, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import type { Discovery } from '../../protocol/schemas/capability-roots.ts'
import type { DirectoryEntry, Metadata, WalkResult } from '../../protocol/schemas/fs.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { parsePath, pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'
import { isFullRead } from '../../sandbox/policy/policy.ts'
import type { Policy } from '../../sandbox/policy/policy.ts'
import type { SandboxedCommand } from '../process/sandboxed-command.ts'
import { files } from '../fs/files.ts'
import { withDirectReads } from './direct-reads.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { isFromBubblewrap } from './bubblewrap.ts'
import type { Bubblewrap } from './bubblewrap.ts'
import { helperCommand, helperFiles, identify } from './helper-command.ts'
import { selfCommand } from '../self-exec.ts'
import { FS_HELPER } from './helper-mode.ts'
import { readThrough, reopen, writeThrough } from './whole-files.ts'
import { helperPool } from './helper-pool.ts'
import type { HelperCounts, PoolLimits } from './helper-pool.ts'
import type { Ask, Helper, HelperRequest, WithAsk } from './helper-process.ts'
import { holdMountPoints } from './mount-points.ts'
import { MountsChangedError } from './mount-sources.ts'
import { SandboxSetupError } from './mount-verification.ts'
import { SANDBOX_TRIES } from '../limits.ts'
import { checked, openFile } from '../fs/open-file.ts'
import { fileError } from '../os-error.ts'
import {
  SandboxUnavailableError,
  planFor,
  policyOf,
  SANDBOX_EXEC,
  seatbeltArguments,
  whyNoSandbox,
} from './sandboxes.ts'
import type { Sandboxes } from './sandboxes.ts'

const { O_RDONLY, O_WRONLY } = constants

/** The file calls of a host, and the helpers that they use. */
export type SandboxedFiles = {
  /**
   * Returns a caller's file calls for a sandbox, or for none.
   * @throws RpcError (invalid request) under --require-sandbox without a sandbox, or with one that
   * confines nothing
   */
  filesFor(sandbox: Sandbox | undefined, caller: Caller): Files
  helperCounts(): HelperCounts
}

/** Creates the file calls, with no helper yet. */
export function sandboxedFiles(sandboxes: Sandboxes, limits: PoolLimits): SandboxedFiles {
  const pool = helperPool(limits)
  return {
    filesFor: (sandbox, caller) => {
      const policy = sandbox && policyOf(sandbox, { tmpdir: process.env['TMPDIR'] })
      if (sandboxes.required) {
        const why = sandbox === undefined ? 'without a sandbox' : whyNoSandbox(policy)
        if (why !== undefined) throw invalidRequest(`this executor touches no file ${why} (--require-sandbox)`)
      }
      if (sandbox === undefined || policy === undefined) return files
      const ofCaller: CallersPool = { withHelper: (...args) => pool.withHelper(caller, ...args) }
      const sandboxed = inHelper((use) => withHelper(policy, sandbox, sandboxes, ofCaller, use))
      return isFullRead(policy) ? withDirectReads(sandboxed) : sandboxed
    },
    helperCounts: () => pool.counts(),
  }
}

/** The pool for the calls of one caller. */
type CallersPool = {
  withHelper<T>(
    getKey: () => string | undefined | Promise<string | undefined>,
    start: () => SandboxedCommand,
    use: (helper: Helper) => Promise<T>,
  ): Promise<T>
}

type UseHelper<T> = (ask: Ask, sandboxPid: number) => Promise<T>

/** Runs `use` with a helper in the sandbox, which is planned again while something in it is being moved. */
async function withHelper<T>(...[policy, sandbox, sandboxes, pool, use]: Parameters<typeof tryHelper<T>>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      // The first call does not wait for the probe of bubblewrap: it goes on beside the start of the helper.
      return await tryHelper(policy, sandbox, sandboxes, pool, use, tries === 1)
    } catch (error) {
      const isRefusal = error instanceof MountsChangedError
      if (!isRefusal && !(error instanceof SandboxSetupError)) throw error
      if (tries < SANDBOX_TRIES) continue
      throw isRefusal ? invalidRequest(CANNOT_ENFORCE + error.message) : internalError(error.message)
    }
  }
}

const CANNOT_ENFORCE = 'this executor cannot enforce the filesystem sandbox: '

async function tryHelper<T>(
  policy: Policy,
  sandbox: Sandbox,
  sandboxes: Sandboxes,
  pool: CallersPool,
  use: UseHelper<T>,
  mayAssume?: boolean,
): Promise<T> {
  try {
    const inSandbox = process.platform === 'darwin' ? inSeatbelt : inBubblewrap
    return await inSandbox(policy, sandbox, sandboxes, pool, use, mayAssume)
  } catch (error) {
    if (error instanceof SandboxUnavailableError) throw invalidRequest(CANNOT_ENFORCE + error.message)
    if (error instanceof MountsChangedError || error instanceof SandboxSetupError) throw error
    throw fileError(error)
  }
}

type InSandbox = <T>(...args: Parameters<typeof tryHelper<T>>) => Promise<T>

const inSeatbelt: InSandbox = (policy, _sandbox, _sandboxes, pool, use) => {
  let args: string[] = []
  const getKey = async (): Promise<string> => {
    args = [...seatbeltArguments(policy, 'restricted', { visible: helperFiles() }), ...selfCommand(), FS_HELPER]
    return JSON.stringify(args)
  }
  const start = (): SandboxedCommand => ({ file: SANDBOX_EXEC, args, descriptors: [], close: () => {} })
  return pool.withHelper(getKey, start, (helper) => use(asking(helper, []), helper.pid))
}

/** What a call has open in its turn. */
type Turn = {
  plan?: MountPlan
  bubblewrap?: Bubblewrap
  /** Mounts cover the paths that must not be created; else the helper refuses to. */
  isCovered?: boolean
  identity?: ReturnType<typeof identify>
  points?: ReturnType<typeof holdMountPoints>
}

/** Plans in its turn: the plans of a client with many calls would keep the others waiting. */
const inBubblewrap: InSandbox = async (policy, sandbox, sandboxes, pool, use, mayAssume) => {
  const turn: Turn = {}
  const getKey = async (): Promise<string | undefined> => {
    const bubblewrap = (turn.bubblewrap = await sandboxes.bubblewrapFor(policy, sandbox, mayAssume))
    const plan = (turn.plan = await planFor(policy, bubblewrap, { visible: helperFiles() }))
    turn.isCovered = !bubblewrap.abilities.proc && plan.forbidden.length > 0
    return turn.isCovered ? undefined : (turn.identity = identify(bubblewrap, plan))?.key
  }
  const start = (): SandboxedCommand => {
    const { bubblewrap, plan, identity, isCovered = false } = turn
    if (bubblewrap === undefined || plan === undefined) throw new Error('a helper is planned before it is started')
    if (isCovered) {
      turn.points = holdMountPoints(plan.forbidden)
      return helperCommand(bubblewrap, { ...plan, forbidden: turn.points.held }, true)
    }
    const command = helperCommand(bubblewrap, plan, false)
    // From here on the helper owns the identity.
    delete turn.identity
    return { ...command, ...(identity === undefined ? {} : { ended: identity.close }) }
  }
  const askIn = (helper: Helper): Ask => {
    const forbidden = turn.plan?.forbidden ?? []
    return asking(
      helper,
      forbidden.map(({ path }) => path),
      turn.isCovered,
    )
  }
  try {
    return await pool.withHelper(getKey, start, (helper) => use(askIn(helper), helper.pid))
  } catch (error) {
    if (turn.bubblewrap?.isAssumed !== true || !isFromBubblewrap(error)) throw error
    throw new SandboxSetupError((error as Error).message)
  } finally {
    turn.identity?.close()
    turn.points?.release()
  }
}

/** Responses are not validated: the helper is this program, alone in its sandbox. */
function asking(helper: Helper, forbidden: readonly string[], covered = false): Ask {
  return async <T>(request: HelperRequest): Promise<T> => {
    const { status, payload } = JSON.parse(await helper.ask(JSON.stringify({ ...request, forbidden, covered })))
    if (status !== 'ok') throw new RpcError(payload.code, payload.message)
    return payload.response as T
  }
}

/** File calls as one request each to a helper. */
function inHelper(withAsk: WithAsk): Files {
  const simply = <T>(operation: string, params: object): Promise<T> => withAsk((ask) => ask<T>({ operation, params }))
  return {
    readFile: (path, options) => readThrough(withAsk, path, options),
    writeFile: (path, data, options) => writeThrough(withAsk, path, data, options),
    createDirectory: (path, options) => simply(Method.FsCreateDirectory, { path: pathToUri(path), ...options }),
    getMetadata: (path, options) => simply<Metadata>(Method.FsGetMetadata, { path: pathToUri(path), ...options }),
    readDirectory: async (path) =>
      (await simply<{ entries: DirectoryEntry[] }>(Method.FsReadDirectory, { path: pathToUri(path) })).entries,
    remove: (path, options) => simply(Method.FsRemove, { path: pathToUri(path), ...options }),
    copy: (source, destination, options) =>
      simply(Method.FsCopy, { sourcePath: pathToUri(source), destinationPath: pathToUri(destination), ...options }),
    canonicalize: async (path) =>
      parsePath((await simply<{ path: string }>(Method.FsCanonicalize, { path: pathToUri(path) })).path),
    walk: (path, options) => simply<WalkResult>(Method.FsWalk, { path: pathToUri(path), options }),
    discover: (root, bounds) => simply<Discovery>(Method.CapabilityRootsDiscover, { root, bounds }),
    open: (path, mode) =>
      withAsk(async (ask, sandboxPid) => {
        const params = { handleId: '', path: pathToUri(path), mode }
        const { descriptor } = await ask<{ descriptor: number }>({ operation: Method.FsOpen, params })
        const file = await reopen(ask, sandboxPid, descriptor, mode === 'read' ? O_RDONLY : O_WRONLY)
        if (file === undefined)
          throw invalidRequest('sandboxed file streams need /proc, which this machine does not have')
        return openFile(await checked(file, path, mode))
      }),
  }
}

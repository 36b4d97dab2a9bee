/** File calls with feature detection. Servers support different subsets, and only the newest report theirs. */
import { Method } from '../../protocol/wire/methods.ts'
import type { RpcClient, CallOptions, Params, PathEncoder } from '../session/rpc-client.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { toSandboxContext } from '../session/sandbox-context.ts'
import type { FileOptions } from '../base/types.ts'
import { isMissingMethod, unsupported } from '../session/unsupported.ts'

/** The file methods of one session. */
export type FileCalls = {
  readonly rpc: RpcClient
  readonly limits: ClientLimits
  /**
   * Calls a method. A missing method is remembered and not tried again.
   * @throws {UnsupportedError} If the server lacks it.
   */
  call<T>(method: string, params: (paths: PathEncoder) => Params, options?: CallOptions): Promise<T>
  /** Whether to try blocks with these options; false once the server turned out to lack them. */
  hasBlocks(mode: 'read' | 'replace', options: FileOptions): boolean
  /** A handle id that is unique within this client, at most 32 bytes. */
  nextHandle(): string
}

/** These methods ignore `followSymlinks`. */
const FOLLOW_ALWAYS: ReadonlySet<string> = new Set([Method.FsReadDirectory, Method.FsCanonicalize, Method.FsWalk])

/** Creates the file calls of a session. */
export function createFileCalls(rpc: RpcClient, limits: ClientLimits): FileCalls {
  const missing = new Set<string>()
  let handles = 0
  const hasCapability = (capability: string): boolean => rpc.environmentInfo?.capabilities?.[capability] === true
  return {
    rpc,
    limits,
    call: async (method, params, options) => {
      if (missing.has(method)) throw unsupported(method)
      try {
        return await rpc.call(method, params, options)
      } catch (error) {
        if (!isMissingMethod(error)) throw error
        missing.add(method)
        throw unsupported(method)
      }
    },
    // Older fs/open ignores `mode` and opens for reading. It always follows links.
    hasBlocks: (mode, { sandbox, followSymlinks }) =>
      !missing.has(Method.FsOpen) &&
      followSymlinks !== false &&
      (mode === 'read' || hasCapability('fileWriteStreaming')) &&
      (sandbox === undefined || hasCapability('sandboxedFileStreaming')),
    nextHandle: () => `file-${++handles}`,
  }
}

/**
 * Whether opening failed because the server lacks blocks. Nothing was done then, so the whole file can be sent instead.
 */
export function isBlocksUnsupported(
  error: unknown,
  calls: FileCalls,
  mode: 'read' | 'replace',
  options: FileOptions,
): boolean {
  return error instanceof UnsupportedError && !calls.hasBlocks(mode, options)
}

/**
 * Checks that the server respects `followSymlinks: false`.
 * @throws {UnsupportedError} If it would follow links.
 */
export function checkFollowSymlinks({ rpc }: FileCalls, method: string, { followSymlinks }: FileOptions): void {
  if (followSymlinks !== false) return
  if (FOLLOW_ALWAYS.has(method)) throw new UnsupportedError(`${method} follows symbolic links`)
  // Introduced with 0.150, like environmentInfo; older servers ignore it.
  if (rpc.environmentInfo === undefined)
    throw new UnsupportedError('the server cannot be told not to follow symbolic links')
}

/** The params of a call on one path. */
export function pathParams(
  path: string | URL,
  { sandbox, followSymlinks }: FileOptions,
  more: object = {},
): (paths: PathEncoder) => object {
  return (paths) => ({
    path: paths.encode(path),
    ...more,
    ...(sandbox === undefined ? {} : { sandbox: toSandboxContext(sandbox, paths) }),
    ...(followSymlinks === undefined ? {} : { followSymlinks }),
  })
}

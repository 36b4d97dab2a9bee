/** File calls, and what turns out to be missing on a server. Servers differ in what they have, and only the newest tell. */
import { Method } from '../../protocol/wire/methods.ts'
import type { Caller, CallOptions, Params, Paths } from '../session/rpc-client.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { toSandboxContext } from '../session/sandbox-context.ts'
import type { FileOptions } from '../base/types.ts'
import { isMissingMethod, unsupported } from '../session/unsupported.ts'

export type FileCalls = {
  readonly caller: Caller
  readonly limits: ClientLimits
  /** Throws UnsupportedError for a method that the server does not know: the second time without asking. */
  call<T>(method: string, params: (paths: Paths) => Params, options?: CallOptions): Promise<T>
  /** Whether files can be read, or replaced, block by block with these options; false once that turned out not to be so. */
  hasBlocks(mode: 'read' | 'replace', options: FileOptions): boolean
  /** A name for an open file that no other of this client has, of at most 32 bytes. */
  nextHandle(): string
}

/** They pass `followSymlinks` over, whatever it says. */
const FOLLOW_ALWAYS: ReadonlySet<string> = new Set([Method.FsReadDirectory, Method.FsCanonicalize, Method.FsWalk])

export function createFileCalls(caller: Caller, limits: ClientLimits): FileCalls {
  const missing = new Set<string>()
  let handles = 0
  const can = (capability: string): boolean => caller.environmentInfo?.capabilities?.[capability] === true
  return {
    caller,
    limits,
    call: async (method, params, options) => {
      if (missing.has(method)) throw unsupported(method)
      try {
        return await caller.call(method, params, options)
      } catch (error) {
        if (!isMissingMethod(error)) throw error
        missing.add(method)
        throw unsupported(method)
      }
    },
    // Before there was a mode, fs/open passed it over and opened to read. And it always follows links.
    hasBlocks: (mode, { sandbox, followSymlinks }) =>
      !missing.has(Method.FsOpen) &&
      followSymlinks !== false &&
      (mode === 'read' || can('fileWriteStreaming')) &&
      (sandbox === undefined || can('sandboxedFileStreaming')),
    nextHandle: () => `file-${++handles}`,
  }
}

/** Whether opening a file has shown that the server has no blocks. Nothing was done then, and the file may be handled whole. */
export function lackedBlocks(
  error: unknown,
  calls: FileCalls,
  mode: 'read' | 'replace',
  options: FileOptions,
): boolean {
  return error instanceof UnsupportedError && !calls.hasBlocks(mode, options)
}

/** Throws UnsupportedError where the server would follow links although it is told not to. */
export function checkLinks({ caller }: FileCalls, method: string, { followSymlinks }: FileOptions): void {
  if (followSymlinks !== false) return
  if (FOLLOW_ALWAYS.has(method)) throw new UnsupportedError(`${method} follows symbolic links`)
  // It came with 0.150, as did the server's word on itself; older ones pass it over.
  if (caller.environmentInfo === undefined)
    throw new UnsupportedError('the server cannot be told not to follow symbolic links')
}

/** The params of a call about one path. */
export function about(
  path: string | URL,
  { sandbox, followSymlinks }: FileOptions,
  more: object = {},
): (paths: Paths) => object {
  return (paths) => ({
    path: paths.toWire(path),
    ...more,
    ...(sandbox === undefined ? {} : { sandbox: toSandboxContext(sandbox, paths) }),
    ...(followSymlinks === undefined ? {} : { followSymlinks }),
  })
}

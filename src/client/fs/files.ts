/**
 * The devbox's file system, for servers from 0.121 on. Missing methods are emulated by equivalent calls, or fail with
 * an UnsupportedError; no option is silently ignored.
 */
import { ErrorCode, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { absolutePath, decodePath } from '../session/path-codec.ts'
import { ProtocolError, UnsupportedError } from '../base/errors.ts'
import { checkFollowSymlinks, createFileCalls, pathParams } from './file-calls.ts'
import { readStream, writeStream } from './file-streams.ts'
import type { ClientLimits } from '../base/limits.ts'
import { toSandboxContext } from '../session/sandbox-context.ts'
import type { DirectoryEntry, FileOptions, Metadata, RemoteFiles, WalkOutcome } from '../base/types.ts'
import { walkFallback } from './walk-fallback.ts'
import { readFile, writeFile } from './whole-file.ts'

type Path = string | URL
type Result<T> = Partial<T> | null

/** A path below a non-directory does not exist either. The errno is the same on every server, the message is not. */
const NOT_A_DIRECTORY = /\(os error 20\)$/

/** Decodes losslessly: keeps a byte order mark. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * By default `createDirectory` and `remove` are recursive, `remove` ignores a missing path, and `copy` is not
 * recursive. Read-only calls are repeated after a recovered connection; all others fail with a DisconnectedError.
 * @throws {RpcError} If the server refuses a call (-32004: not found).
 * @throws {TypeError} If a path is not absolute.
 * @throws {UnsupportedError} If the server cannot do it.
 */
export function createFiles(rpc: RpcClient, limits: ClientLimits): RemoteFiles {
  const calls = createFileCalls(rpc, limits)

  const query = <T>(method: string, path: Path, options: FileOptions, more?: object): Promise<T> => {
    checkFollowSymlinks(calls, method, options)
    return calls.call<T>(method, pathParams(path, options, more), { signal: options.signal, repeatable: true })
  }

  const change = async (method: string, path: Path, options: FileOptions, more: object): Promise<void> => {
    checkFollowSymlinks(calls, method, options)
    await calls.call(method, pathParams(path, options, more), { signal: options.signal })
  }

  const getMetadata = async (path: Path, options: FileOptions = {}): Promise<Metadata> => {
    const result = await query<Result<Metadata>>(Method.FsGetMetadata, path, options)
    const { isDirectory, isFile, isSymlink, size, createdAtMs, modifiedAtMs } = result ?? {}
    return {
      isDirectory: isDirectory === true,
      isFile: isFile === true,
      isSymlink: isSymlink === true,
      // Servers up to 0.130 do not report it.
      size: size ?? -1,
      createdAtMs: createdAtMs ?? 0,
      modifiedAtMs: modifiedAtMs ?? 0,
    }
  }

  const readDirectory = async (path: Path, options: FileOptions = {}): Promise<DirectoryEntry[]> => {
    const result = await query<Result<{ entries: DirectoryEntry[] }>>(Method.FsReadDirectory, path, options)
    return listOf(result?.entries, Method.FsReadDirectory)
  }

  return {
    readFile: (path, options = {}) => readFile(calls, path, options),
    readTextFile: async (path, options = {}) => utf8.decode(await readFile(calls, path, options)),
    writeFile: (path, data, options = {}) => writeFile(calls, path, utf8Bytes(data), options),
    createDirectory: async (path, { recursive, ...options } = {}) =>
      change(Method.FsCreateDirectory, path, options, recursive === undefined ? {} : { recursive }),
    getMetadata,
    exists: async (path, options) => {
      try {
        await getMetadata(path, options)
        return true
      } catch (error) {
        if (error instanceof RpcError && (error.code === ErrorCode.NotFound || NOT_A_DIRECTORY.test(error.message)))
          return false
        throw error
      }
    },
    readDirectory,
    remove: async (path, { recursive, force, ...options } = {}) =>
      change(Method.FsRemove, path, options, {
        ...(recursive === undefined ? {} : { recursive }),
        ...(force === undefined ? {} : { force }),
      }),
    copy: async (source, destination, { recursive = false, sandbox, signal } = {}) => {
      await calls.call(
        Method.FsCopy,
        (paths) => ({
          sourcePath: paths.encode(source),
          destinationPath: paths.encode(destination),
          recursive,
          ...(sandbox === undefined ? {} : { sandbox: toSandboxContext(sandbox, paths) }),
        }),
        { signal },
      )
    },
    canonicalize: async (path, options = {}) => {
      const result = await query<Result<{ path: string }>>(Method.FsCanonicalize, path, options)
      return decodePath(result?.path)
    },
    walk: async (path, options = {}) => {
      const { walkDepth, walkDirectories, walkEntries } = limits
      const { maxDepth = walkDepth, maxDirectories = walkDirectories, maxEntries = walkEntries, ...others } = options
      const { followDirectorySymlinks = false, ...rest } = others
      const bounds = { maxDepth, maxDirectories, maxEntries, followDirectorySymlinks }
      let result: Result<WalkOutcome>
      try {
        result = await query<Result<WalkOutcome>>(Method.FsWalk, path, rest, { options: bounds })
      } catch (error) {
        if (!(error instanceof UnsupportedError) || rest.followSymlinks === false) throw error
        if (maxDirectories < 1 || maxEntries < 1)
          throw invalidRequest('filesystem walk limits must be greater than zero')
        if (maxDepth > walkDepth || maxDirectories > walkDirectories || maxEntries > walkEntries) {
          const maximums = `depth=${walkDepth}, directories=${walkDirectories}, entries=${walkEntries}`
          throw invalidRequest(`filesystem walk limits exceed maximums: ${maximums}`)
        }
        return walkFallback({ getMetadata, readDirectory }, absolutePath(path), bounds, rest)
      }
      return {
        entries: listOf(result?.entries, Method.FsWalk).map(({ path, kind }) => ({ path: decodePath(path), kind })),
        errors: listOf(result?.errors, Method.FsWalk).map(({ path, message }) => ({ path: decodePath(path), message })),
        truncated: result?.truncated === true,
      }
    },
    readStream: (path, options) => readStream(calls, path, options),
    writeStream: (path, options) => writeStream(calls, path, options),
  }
}

const utf8Bytes = (data: Uint8Array | string): Uint8Array =>
  typeof data === 'string' ? new TextEncoder().encode(data) : data

function listOf<T>(list: T[] | undefined, method: string): T[] {
  if (!Array.isArray(list)) throw new ProtocolError(`${method} was answered without a list`)
  return list
}

/** Handlers of the filesystem methods. */
import { invalidRequest } from '../../protocol/wire/errors.ts'
import {
  CanonicalizeParams,
  CopyParams,
  CreateDirectoryParams,
  GetMetadataParams,
  ReadDirectoryParams,
  ReadFileParams,
  RemoveParams,
  WalkParams,
  WriteFileParams,
} from '../../protocol/schemas/fs.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import type { Base64Text } from '../../protocol/wire/long-base64.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'
import { decodeBase64, decodeParams } from '../../protocol/schemas/schema-primitives.ts'
import type { GenericSchema, InferOutput } from 'valibot'
import { release } from '../base/bytes.ts'
import { fileResult } from '../base/json-fragments.ts'
import type { Files } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import type { Result } from '../base/json-fragments.ts'
import { method } from './method.ts'
import type { MethodDefinition } from './method.ts'
import type { Ticket } from './ticket.ts'
import { noteLookup, withWorkspace } from '../session/legacy-workspace.ts'

const FAMILY = 'filesystem'

/** Bytes reserved for a small read's response until it is sent: allows thousands at once, not millions. */
const LOOKUP_BYTES = 64 * 1024

/** Bytes reserved per entry of a walk: its path, as object and as text. */
const WALK_ENTRY_BYTES = 400

type FileParams = { path?: string; sandbox?: Sandbox | null | undefined }
/** What an operation needs beside its files: the limits, and memory for its response. */
type Surroundings = { limits: Limits; memory: Pick<Ticket, 'reserve'> }
type Run<P, R> = (params: P, files: Files, surroundings: Surroundings) => Promise<R>

/** One file operation: a method of a connection, and what the helper process in a sandbox runs without one. */
type FileOperation = MethodDefinition & {
  /**
   * Runs it on `files`, ignoring the sandbox in its params.
   * @throws RpcError
   */
  runOn(params: JsonValue, files: Files, surroundings: Surroundings): Promise<Result>
}

function reads<S extends GenericSchema<unknown, FileParams>>(
  schema: S,
  run: Run<InferOutput<S>, Result>,
): FileOperation {
  return operation('read', schema, run)
}

/** A read with a small response. */
function lookup<S extends GenericSchema<unknown, FileParams>>(
  schema: S,
  run: Run<InferOutput<S>, Result>,
): FileOperation {
  return operation('read', schema, (params, files, surroundings) => {
    const wait = surroundings.memory.reserve(LOOKUP_BYTES)
    return wait === undefined ? run(params, files, surroundings) : wait.then(() => run(params, files, surroundings))
  })
}

/** A mutation; its result is an empty object. */
function mutates<S extends GenericSchema<unknown, FileParams>>(
  schema: S,
  run: Run<InferOutput<S>, void>,
): FileOperation {
  return operation('mutate', schema, async (params, files, surroundings) => {
    await run(params, files, surroundings)
    return {}
  })
}

/** Reads run concurrently between mutations; mutations run alone, in arrival order. */
function operation<S extends GenericSchema<unknown, FileParams>>(
  order: 'read' | 'mutate',
  schema: S,
  run: Run<InferOutput<S>, Result>,
): FileOperation {
  const { family, call } = method(FAMILY, schema, (params, { session, host, limits, caller, files }, ticket) => {
    const { path, sandbox } = params
    if (!sandbox && path !== undefined) noteLookup(session.workspace, path)
    return files[order](() =>
      run(params, host.files(sandbox ? withWorkspace(sandbox, session.workspace) : undefined, caller), {
        limits,
        memory: ticket,
      }),
    )
  })
  return {
    family,
    call,
    runOn: (params, files, surroundings) => run(decodeParams(schema, params), files, surroundings),
  }
}

/** Symlinks are followed by default. */
const follows = (followSymlinks: boolean | null | undefined): { followSymlinks: boolean } => ({
  followSymlinks: followSymlinks ?? true,
})

function decodeData(dataBase64: string | Base64Text): Uint8Array {
  try {
    return decodeBase64(dataBase64)
  } catch {
    throw invalidRequest('dataBase64 must be standard, padded base64')
  }
}

const operations: Record<string, FileOperation> = {
  [Method.FsReadFile]: reads(ReadFileParams, async ({ path, followSymlinks }, files, { limits, memory }) => {
    const reserve = (bytes: number): Promise<void> | undefined => memory.reserve(bytes)
    const options = { ...follows(followSymlinks), maxBytes: limits.readFileBytes, reserve }
    return fileResult(await files.readFile(path, options))
  }),
  [Method.FsWriteFile]: mutates(WriteFileParams, async ({ path, dataBase64, followSymlinks }, files) => {
    const data = decodeData(dataBase64)
    await files.writeFile(path, data, follows(followSymlinks))
    release(data)
  }),
  [Method.FsCreateDirectory]: mutates(CreateDirectoryParams, ({ path, recursive, followSymlinks }, files) =>
    files.createDirectory(path, { recursive: recursive ?? true, ...follows(followSymlinks) }),
  ),
  [Method.FsGetMetadata]: lookup(GetMetadataParams, ({ path, followSymlinks }, files) =>
    files.getMetadata(path, follows(followSymlinks)),
  ),
  [Method.FsReadDirectory]: lookup(ReadDirectoryParams, async ({ path }, files) => ({
    entries: await files.readDirectory(path),
  })),
  [Method.FsRemove]: mutates(RemoveParams, ({ path, recursive, force, followSymlinks }, files) =>
    files.remove(path, { recursive: recursive ?? true, force: force ?? true, ...follows(followSymlinks) }),
  ),
  [Method.FsCopy]: mutates(CopyParams, ({ sourcePath, destinationPath, recursive }, files) =>
    files.copy(sourcePath, destinationPath, { recursive }),
  ),
  [Method.FsWalk]: reads(WalkParams, async ({ path, options }, files, { limits, memory }) => {
    const { maxDepth, maxDirectories, maxEntries } = options
    const { walkDepth, walkDirectories, walkEntries } = limits
    if (maxDirectories === 0 || maxEntries === 0)
      throw invalidRequest('filesystem walk limits must be greater than zero')
    if (maxDepth > walkDepth || maxDirectories > walkDirectories || maxEntries > walkEntries) {
      const maximums = `depth=${walkDepth}, directories=${walkDirectories}, entries=${walkEntries}`
      throw invalidRequest(`filesystem walk limits exceed maximums: ${maximums}`)
    }
    await memory.reserve(maxEntries * WALK_ENTRY_BYTES)
    return files.walk(path, options)
  }),
  [Method.FsCanonicalize]: lookup(CanonicalizeParams, async ({ path }, files) => ({
    path: pathToUri(await files.canonicalize(path)),
  })),
}

/** The file operations as methods of a connection, by name. */
export const fsMethods: Record<string, MethodDefinition> = operations

/**
 * Runs an operation by its method name on `files`, ignoring the sandbox in its params.
 * @throws RpcError
 */
export async function runFileOperation(name: string, params: JsonValue, files: Files, limits: Limits): Promise<Result> {
  const operation = Object.hasOwn(operations, name) ? operations[name] : undefined
  if (operation === undefined) throw invalidRequest(`unknown file operation ${name.slice(0, 100)}`)
  return operation.runOn(params, files, { limits, memory: { reserve: () => undefined } })
}

/** The filesystem family's handlers. */
import { invalidRequest } from '../protocol/errors.ts'
import {
  CanonicalizeParams,
  CopyParams,
  CreateDirectoryParams,
  GetMetadataParams,
  ReadDirectoryParams,
  ReadFileParams,
  RemoveParams,
  WriteFileParams,
} from '../protocol/fs.ts'
import { Method } from '../protocol/methods.ts'
import { pathToUri } from '../protocol/path-uri.ts'
import { opensFiles } from '../protocol/sandbox.ts'
import type { Sandbox } from '../protocol/sandbox.ts'
import { decodeBase64 } from '../protocol/scalars.ts'
import type { GenericSchema, InferOutput } from 'valibot'
import { fileResult } from './frames.ts'
import { method } from './method.ts'
import type { Context, MethodDefinition, Result } from './method.ts'

/** What a look-up's answer is taken to need until it is sent: thousands run at once, not millions. */
const LOOK_UP_BYTES = 64 * 1024

type FileParams = { sandbox?: Sandbox }
type Run<P> = (params: P, context: Context) => Promise<Result>

/** A read: side by side with others, between the mutations around it. */
function reads<S extends GenericSchema<unknown, FileParams>>(schema: S, run: Run<InferOutput<S>>): MethodDefinition {
  return method('filesystem', schema, (params, context) => {
    refuseSandbox(params)
    return context.files.read(() => run(params, context))
  })
}

/** A read whose answer is small. */
function looksUp<S extends GenericSchema<unknown, FileParams>>(schema: S, run: Run<InferOutput<S>>): MethodDefinition {
  return reads(schema, async (params, context) => {
    await context.reserve(LOOK_UP_BYTES)
    return run(params, context)
  })
}

/** A mutation: alone, in arrival order, answered with an empty object. */
function mutates<S extends GenericSchema<unknown, FileParams>>(
  schema: S,
  run: (params: InferOutput<S>, context: Context) => Promise<void>,
): MethodDefinition {
  return method('filesystem', schema, (params, context) => {
    refuseSandbox(params)
    return context.files.mutate(async () => {
      await run(params, context)
      return {}
    })
  })
}

/** Until file calls can be confined here, whatever asks for that is refused. */
function refuseSandbox({ sandbox }: FileParams): void {
  if (!opensFiles(sandbox)) throw invalidRequest('this executor cannot enforce a filesystem sandbox')
}

/** Links are followed unless the request says no. */
const follows = (followSymlinks: boolean | null | undefined): { followSymlinks: boolean } => ({ followSymlinks: followSymlinks ?? true })

function decodeData(dataBase64: string): Uint8Array {
  try {
    return decodeBase64(dataBase64)
  } catch {
    throw invalidRequest('dataBase64 must be standard, padded base64')
  }
}

export const fsMethods = {
  [Method.FsReadFile]: reads(ReadFileParams, async ({ path, followSymlinks }, { host, limits, reserve }) => {
    const options = { ...follows(followSymlinks), maxBytes: limits.readFileBytes, reserve }
    return fileResult(await host.files.readFile(path, options))
  }),
  [Method.FsWriteFile]: mutates(WriteFileParams, ({ path, dataBase64, followSymlinks }, { host }) =>
    host.files.writeFile(path, decodeData(dataBase64), follows(followSymlinks)),
  ),
  [Method.FsCreateDirectory]: mutates(CreateDirectoryParams, ({ path, recursive, followSymlinks }, { host }) =>
    host.files.createDirectory(path, { recursive: recursive ?? true, ...follows(followSymlinks) }),
  ),
  [Method.FsGetMetadata]: looksUp(GetMetadataParams, ({ path, followSymlinks }, { host }) =>
    host.files.getMetadata(path, follows(followSymlinks)),
  ),
  [Method.FsReadDirectory]: looksUp(ReadDirectoryParams, async ({ path }, { host }) => ({ entries: await host.files.readDirectory(path) })),
  [Method.FsRemove]: mutates(RemoveParams, ({ path, recursive, force, followSymlinks }, { host }) =>
    host.files.remove(path, { recursive: recursive ?? true, force: force ?? true, ...follows(followSymlinks) }),
  ),
  [Method.FsCopy]: mutates(CopyParams, ({ sourcePath, destinationPath, recursive }, { host }) =>
    host.files.copy(sourcePath, destinationPath, { recursive }),
  ),
  [Method.FsCanonicalize]: looksUp(CanonicalizeParams, async ({ path }, { host }) => ({
    path: pathToUri(await host.files.canonicalize(path)),
  })),
}

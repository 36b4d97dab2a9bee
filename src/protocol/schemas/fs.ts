/** The filesystem family. */
import * as v from 'valibot'
import { base64, base64Text, exactU64, optional, path, pathOrForeign, u64 } from './schema-primitives.ts'
import { SandboxContext } from './sandbox.ts'

const target = { path, sandbox: SandboxContext }
const followSymlinks = optional(v.boolean())

export const ReadFileParams = v.object({ ...target, followSymlinks })
/** `dataBase64` is decoded by the method, because its error is -32600 and not -32602. */
export const WriteFileParams = v.object({ ...target, dataBase64: base64Text, followSymlinks })
export const CreateDirectoryParams = v.object({ ...target, recursive: optional(v.boolean()), followSymlinks })
export const GetMetadataParams = v.object({ ...target, followSymlinks })
export const ReadDirectoryParams = v.object(target)
export const RemoveParams = v.object({
  ...target,
  recursive: optional(v.boolean()),
  force: optional(v.boolean()),
  followSymlinks,
})
export const CopyParams = v.object({
  sourcePath: path,
  destinationPath: path,
  recursive: v.boolean(),
  sandbox: SandboxContext,
})
export const CanonicalizeParams = v.object(target)

/** The client's name for an open file. Its length is checked by the method, because that error is -32600. */
const handleId = v.string()

export const OpenParams = v.object({ handleId, ...target, mode: v.optional(v.picklist(['read', 'replace']), 'read') })
export const ReadBlockParams = v.object({ handleId, offset: exactU64, len: u64 })
export const WriteBlockParams = v.object({ handleId, offset: exactU64, chunk: base64 })
export const CloseParams = v.object({ handleId })

/** The limits are checked by the method, because their error is -32600. */
const WalkOptions = v.object({
  maxDepth: u64,
  maxDirectories: u64,
  maxEntries: u64,
  followDirectorySymlinks: v.boolean(),
})
export type WalkOptions = v.InferOutput<typeof WalkOptions>

export const WalkParams = v.object({ ...target, options: WalkOptions })

export type WalkResult = {
  /** Paths are URIs. */
  entries: { path: string; kind: 'file' | 'directory' }[]
  errors: { path: string; message: string }[]
  /** Whether a limit cut it off. */
  truncated: boolean
}

/** A `sandbox` may be there, and says nothing: whether something exists is told by the file calls, too. */
export const WatchMissingParams = v.object({
  watchId: u64,
  missing: v.array(pathOrForeign),
  present: optional(pathOrForeign),
})

/** `read` what is there; `replace` empties the file or makes it. */
export type OpenMode = 'read' | 'replace'

export type Metadata = {
  isDirectory: boolean
  isFile: boolean
  /** Of the path itself; the other members are of what it leads to. */
  isSymlink: boolean
  size: number
  /** Milliseconds since 1970; 0 where the file system keeps no birth time. */
  createdAtMs: number
  modifiedAtMs: number
}

export type DirectoryEntry = { fileName: string; isDirectory: boolean; isFile: boolean }

/** Schemas of the fs methods. All paths are absolute paths or file URIs. */
import * as v from 'valibot'
import { base64, base64Text, exactU64, optional, path, pathOrForeign, u64 } from './schema-primitives.ts'
import { SandboxContext } from './sandbox-context.ts'

const target = { path, sandbox: SandboxContext }
const followSymlinks = optional(v.boolean())

/** Params of fs/readFile. */
export const ReadFileParams = v.object({ ...target, followSymlinks })
/** The method decodes `dataBase64`, because its error is -32600 and not -32602. */
export const WriteFileParams = v.object({ ...target, dataBase64: base64Text, followSymlinks })
/** Params of fs/createDirectory. */
export const CreateDirectoryParams = v.object({ ...target, recursive: optional(v.boolean()), followSymlinks })
/** Params of fs/getMetadata. */
export const GetMetadataParams = v.object({ ...target, followSymlinks })
/** Params of fs/readDirectory. */
export const ReadDirectoryParams = v.object(target)
/** Params of fs/remove. */
export const RemoveParams = v.object({
  ...target,
  recursive: optional(v.boolean()),
  force: optional(v.boolean()),
  followSymlinks,
})
/** Params of fs/copy. */
export const CopyParams = v.object({
  sourcePath: path,
  destinationPath: path,
  recursive: v.boolean(),
  sandbox: SandboxContext,
})
/** Params of fs/canonicalize. */
export const CanonicalizeParams = v.object(target)

/** The client's id for an open file. The method checks its length, because that error is -32600. */
const handleId = v.string()

/** `mode` is an {@link OpenMode}. */
export const OpenParams = v.object({ handleId, ...target, mode: v.optional(v.picklist(['read', 'replace']), 'read') })
/** `offset` and `len` are bytes. */
export const ReadBlockParams = v.object({ handleId, offset: exactU64, len: u64 })
/** Params of fs/writeBlock. `offset` is in bytes. */
export const WriteBlockParams = v.object({ handleId, offset: exactU64, chunk: base64 })
/** Params of fs/close. */
export const CloseParams = v.object({ handleId })

/** The method checks the limits, because their error is -32600. */
const WalkOptions = v.object({
  maxDepth: u64,
  maxDirectories: u64,
  maxEntries: u64,
  followDirectorySymlinks: v.boolean(),
  pruneHiddenDirectories: v.optional(v.boolean()),
})
/** Limits of a walk, and which directories it enters: hidden ones have a name that begins with a dot. */
export type WalkOptions = v.InferOutput<typeof WalkOptions>

/** Params of fs/walk. */
export const WalkParams = v.object({ ...target, options: WalkOptions })

/** Result of fs/walk. */
export type WalkResult = {
  /** Paths are URIs. */
  entries: { path: string; kind: 'file' | 'directory' }[]
  errors: { path: string; message: string }[]
  /** Whether a limit ended the walk early. */
  truncated: boolean
}

/** A `sandbox` member is ignored: the other fs methods also reveal whether a path exists. */
export const WatchMissingParams = v.object({
  watchId: u64,
  missing: v.array(pathOrForeign),
  present: optional(pathOrForeign),
})

/** `read`: an existing file. `replace`: truncates or creates the file, for writing. */
export type OpenMode = 'read' | 'replace'

/** Result of fs/getMetadata. */
export type Metadata = {
  isDirectory: boolean
  isFile: boolean
  /** About the path itself; the other members describe the link's target. */
  isSymlink: boolean
  /** Bytes. */
  size: number
  /** Milliseconds since the epoch; 0 if the file system has no birth time. */
  createdAtMs: number
  modifiedAtMs: number
}

/** One entry of fs/readDirectory. */
export type DirectoryEntry = { fileName: string; isDirectory: boolean; isFile: boolean }

/** The filesystem family. */
import * as v from 'valibot'
import { optional, path } from './scalars.ts'
import { Sandbox } from './sandbox.ts'

const target = { path, sandbox: Sandbox }
const followSymlinks = optional(v.boolean())

export const ReadFileParams = v.object({ ...target, followSymlinks })
/** `dataBase64` is decoded by the method, because its error is -32600 and not -32602. */
export const WriteFileParams = v.object({ ...target, dataBase64: v.string(), followSymlinks })
export const CreateDirectoryParams = v.object({ ...target, recursive: optional(v.boolean()), followSymlinks })
export const GetMetadataParams = v.object({ ...target, followSymlinks })
export const ReadDirectoryParams = v.object(target)
export const RemoveParams = v.object({ ...target, recursive: optional(v.boolean()), force: optional(v.boolean()), followSymlinks })
export const CopyParams = v.object({ sourcePath: path, destinationPath: path, recursive: v.boolean(), sandbox: Sandbox })
export const CanonicalizeParams = v.object(target)

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

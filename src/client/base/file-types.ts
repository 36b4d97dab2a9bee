/** The public types of the file system. */
import type { DirectoryEntry, Metadata } from '../../protocol/schemas/fs.ts'
import type { Sandbox } from '../../protocol/schemas/sandbox.ts'
import type { Abortable } from './abortable.ts'

export type { DirectoryEntry, Metadata }

/**
 * Options of file calls. `sandbox`: what the call may access. `followSymlinks: false`: a symbolic link is not followed;
 * where a call needs that, it fails.
 */
export type FileOptions = Abortable & { sandbox?: Sandbox | undefined; followSymlinks?: boolean | undefined }
/** An entry found by `walk`, with its absolute path. */
export type WalkedEntry = { path: string; kind: 'file' | 'directory' }
/** What `walk` found. `errors`: directories that could not be read. `truncated`: a limit was reached. */
export type WalkOutcome = { entries: WalkedEntry[]; errors: { path: string; message: string }[]; truncated: boolean }

/**
 * The devbox's file system, with the protocol's defaults: `remove` is recursive and ignores a missing path,
 * `createDirectory` is recursive, `copy` is not. `size` is -1 from servers up to 0.130, which do not report it. Takes
 * absolute paths or file: URLs and returns absolute paths.
 *
 * Calls reject with RpcError if the server refuses them (code -32004: not found), TypeError if a path is not absolute,
 * UnsupportedError if the server lacks a method or option, and DisconnectedError if the connection is lost during a
 * call that changes something; other calls are repeated.
 * @example
 * await client.fs.writeFile('/tmp/greeting', 'hello')
 * console.log(await client.fs.readTextFile('/tmp/greeting'))
 */
export type RemoteFiles = {
  /**
   * The whole file, up to 512 MiB.
   * @throws {RangeError} If it is larger; use `readStream`.
   */
  readFile(path: string | URL, options?: FileOptions): Promise<Uint8Array>
  /** The whole file as UTF-8. A byte order mark is kept. */
  readTextFile(path: string | URL, options?: FileOptions): Promise<string>
  /** Creates or overwrites the file, not atomically. */
  writeFile(path: string | URL, data: Uint8Array | string, options?: FileOptions): Promise<void>
  /** Creates the directory and, unless `recursive` is false, its parents. */
  createDirectory(path: string | URL, options?: FileOptions & { recursive?: boolean }): Promise<void>
  /** Type, size in bytes, and times in ms since 1970. */
  getMetadata(path: string | URL, options?: FileOptions): Promise<Metadata>
  /** Whether the path exists. */
  exists(path: string | URL, options?: FileOptions): Promise<boolean>
  /** The entries of a directory, unsorted. */
  readDirectory(path: string | URL, options?: FileOptions): Promise<DirectoryEntry[]>
  /** Removes a file or directory. `recursive` and `force` (ignore a missing path) are true by default. */
  remove(path: string | URL, options?: FileOptions & { recursive?: boolean; force?: boolean }): Promise<void>
  /** Copies a file or, with `recursive`, a directory. */
  copy(
    source: string | URL,
    destination: string | URL,
    options?: Abortable & { recursive?: boolean; sandbox?: Sandbox | undefined },
  ): Promise<void>
  /** Resolves symbolic links to an absolute path. */
  canonicalize(path: string | URL, options?: FileOptions): Promise<string>
  /**
   * Lists a directory tree. Default and largest limits: depth 64, 10,000 directories, 50,000 entries. Directories that
   * cannot be read are in `errors`.
   */
  walk(
    path: string | URL,
    options?: FileOptions & {
      maxDepth?: number
      maxDirectories?: number
      maxEntries?: number
      followDirectorySymlinks?: boolean
    },
  ): Promise<WalkOutcome>
  /**
   * Streams a file of any size from byte `offset` on, in blocks where the server supports them. Fails with a
   * DisconnectedError if the connection is lost.
   */
  readStream(path: string | URL, options?: FileOptions & { offset?: number }): ReadableStream<Uint8Array>
  /** Overwrites the file with what is written, in blocks where the server supports them. */
  writeStream(path: string | URL, options?: FileOptions): WritableStream<Uint8Array>
}

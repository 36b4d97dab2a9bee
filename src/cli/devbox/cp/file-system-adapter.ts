/** One interface for local files and those of the devbox, so that copies work in both directions. */

export type Kind = 'file' | 'directory' | 'other'
/** What a path resolves to, with its size in bytes. */
export type Found = { kind: Kind; size: number }

/** A file system. Methods reject with its errors unless stated otherwise. */
export type FileSystemAdapter = {
  /** Resolves a path, following symlinks; undefined if nothing is there. */
  find(path: string): Promise<Found | undefined>
  names(directory: string): Promise<string[]>
  makeDirectory(path: string): Promise<void>
  read(path: string): AsyncIterable<Uint8Array>
  /** Creates the file, or truncates it. */
  write(path: string): Promise<Sink>
  remove(path: string): Promise<void>
  /** The path with all symlinks resolved. */
  realPath(path: string): Promise<string>
  /**
   * Returns those of the files that are executable.
   * @throws {UnsupportedError} if that cannot be determined
   */
  executablesOf(paths: readonly string[]): Promise<string[]>
  /**
   * Adds the execute permission.
   * @throws {UnsupportedError} if that is impossible
   */
  makeExecutable(paths: readonly string[]): Promise<void>
}

/** A file open for writing. End it with `close` or `abort`. */
export type Sink = {
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
  /** Closes the file without completing it; bytes already written may remain. */
  abort(): Promise<void>
}

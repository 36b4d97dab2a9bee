/** Files here and on the devbox, with one interface, so that copies go either way alike. */

export type Kind = 'file' | 'directory' | 'other'
export type Found = { kind: Kind; size: number }

export type FilePlace = {
  /** What a path leads to; undefined where there is nothing. */
  find(path: string): Promise<Found | undefined>
  names(directory: string): Promise<string[]>
  makeDirectory(path: string): Promise<void>
  read(path: string): AsyncIterable<Uint8Array>
  /** Makes the file, or replaces what is in it. */
  write(path: string): Promise<Sink>
  remove(path: string): Promise<void>
  /** The path without links. */
  realPath(path: string): Promise<string>
  /** Which of these files may be executed. Throws UnsupportedError where it cannot be told. */
  executablesOf(paths: readonly string[]): Promise<string[]>
  /** Throws UnsupportedError where it cannot be done. */
  makeExecutable(paths: readonly string[]): Promise<void>
}

export type Sink = {
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
  /** Lets go of it; what has been written may stay. */
  abort(): Promise<void>
}

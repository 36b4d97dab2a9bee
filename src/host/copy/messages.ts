/**
 * The messages between the two ends of a copy. One end reads the sources, the other writes the destination; one of them,
 * or for a copy on the devbox both, run in the copy agent there. Paths may hold lone surrogates for bytes that are not
 * UTF-8 (decodeName), which JSON escapes.
 */

/** Changes with every incompatible change of the messages. */
export const COPY_VERSION = 1

/** Options of a copy. */
export type CopyOptions = {
  recursive: boolean
  /** Copies what links point to, instead of the links. */
  dereference: boolean
  /** Keeps times and the exact mode. */
  preserve: boolean
  /** Keeps hard links among the copied files, and FIFOs. */
  archive: boolean
  /** Leaves targets alone that exist. */
  noClobber: boolean
  /** Glob patterns of what is left out: of a name, or with a slash of the path below the source. */
  exclude: readonly string[]
  /** Reports what would be copied and changes nothing. */
  dryRun: boolean
  /** Reports every entry that was copied. */
  verbose: boolean
  /** Counts files and bytes ahead of the copy, for a progress display. */
  counts: boolean
}

/** What to copy, and which part of it the agent does. */
export type CopyRequest = {
  type: 'request'
  version: number
  role: 'read' | 'write' | 'both'
  sources: readonly string[]
  /** Whether sources may be glob patterns. */
  glob: boolean
  destination: string
  options: CopyOptions
}

/** The writing end's answer to a request, before anything is read. */
export type Hello = {
  type: 'hello'
  version: number
  /** The running kernel: only on the same one can two paths be the same file. */
  machine: string
  /** `device:inode` of the destination's directory and of all above it: no source may be among them. */
  directories: readonly string[]
}

/** How many sources there are, once patterns are expanded. */
export type Roots = { type: 'roots'; machine: string; count: number }

export type EntryKind = 'file' | 'directory' | 'link' | 'hardLink' | 'fifo'

/** A thing to create. The bytes of a file follow, and its end. */
export type Entry = {
  type: 'entry'
  kind: EntryKind
  /** Where it was read, for messages. */
  source: string
  /** Which of the sources it belongs to, and the name of that; empty for `.` and `/`. */
  root: number
  rootName: string
  /** Below the source; empty for the source itself. */
  path: string
  mode: number
  /** Bytes of a file; 0 for anything else and for devices. */
  size: number
  accessNs: string
  modifiedNs: string
  /** `device:inode` */
  id: string
  uid: number
  gid: number
  /** The text of a link; for a hard link the path of its first name, below the source `targetRoot`. */
  target?: string
  targetRoot?: number
}

/** A file that is small enough to be one message. */
export type SmallFile = { type: 'small'; entry: Entry; crc: number; bytes: Uint8Array }

/** The end of a file's bytes, with their checksum (CRC-32; holes do not count). */
export type FileEnd = { type: 'end'; crc: number; size: number }

export type Side = 'source' | 'destination'

/** Something that could not be copied (`failed`), or not as usual (`note`). */
export type Report = { type: 'report'; level: 'failed' | 'note'; side: Side; path: string; text: string }

/** An entry was copied, or would be. */
export type Copied = { type: 'copied'; source: string; destination: string }

/** How much there is to copy, as far as it has been counted. */
export type Totals = { type: 'totals'; files: number; bytes: number; isComplete: boolean }

export type Message =
  | CopyRequest
  | Hello
  | Roots
  | Entry
  /** A whole file, with the checksum of its bytes. */
  | SmallFile
  | { type: 'data'; bytes: Uint8Array }
  /** So many zero bytes that need no space. */
  | { type: 'hole'; length: number }
  | FileEnd
  /** The file could not be read to its end. */
  | { type: 'broken' }
  /** Everything has been read. */
  | { type: 'finish' }
  | Report
  | Copied
  | Totals
  /** Bytes that were copied, of a copy on the devbox. */
  | { type: 'progress'; file: string; bytes: number; files: number }
  /** The other end is still there. */
  | { type: 'alive' }
  /** Everything has been written. */
  | { type: 'done' }
  /** The whole copy has failed. */
  | { type: 'fatal'; text: string }

/** A failure of the whole copy; its message is for people. */
export class CopyError extends Error {
  override name = 'CopyError'
}

/** Schemas of the extensions that look at runs, follow them, and keep them beyond their client. */
import * as v from 'valibot'
import { optional, u64 } from './schema-primitives.ts'
import { RunName } from './process.ts'
import type { ListedProcess, OutputStream, TerminalSize } from './process.ts'

/** Names a process: by its id in this session, or by the number or name of its run, no matter who started it. */
const target = { processId: optional(v.string()), run: optional(v.union([u64, RunName])) }
/** Decoded members that name a process. Exactly one must be there. */
export type RunTarget = { processId?: string | null | undefined; run?: number | string | null | undefined }

/** Params of process/snapshot. */
export const SnapshotParams = v.object({
  ...target,
  /** Limit for both ends of each stream together, in bytes. */
  maxBytes: optional(u64),
})
/** Decoded params of process/snapshot. */
export type SnapshotParams = v.InferOutput<typeof SnapshotParams>

/** Params of process/wait. */
export const WaitParams = v.object({
  ...target,
  /** Absent: without a limit. */
  timeoutMs: optional(u64),
  /** `exit` (the default): the root process has exited. `close`: all of its output has ended, too. */
  until: optional(v.picklist(['exit', 'close'])),
})
/** Decoded params of process/wait. */
export type WaitParams = v.InferOutput<typeof WaitParams>

/** Params of process/logs. Positions count the bytes of output before them. */
export const LogsParams = v.object({
  ...target,
  /** Reads on from here. Default: from the beginning. */
  position: optional(u64),
  /** Begins with the last bytes instead: at least that many, if there are. */
  lastBytes: optional(u64),
  /** Leaves out what was written before, in milliseconds since the epoch. */
  sinceMs: optional(u64),
  maxBytes: optional(u64),
  /** How long to wait for output if there is none yet. */
  waitMs: optional(u64),
})
/** Decoded params of process/logs. */
export type LogsParams = v.InferOutput<typeof LogsParams>

/** Params of process/remove: an ended run is forgotten, with its output. */
export const RemoveParams = v.object(target)

/** Base64; for a client in the server's program the bytes themselves. */
export type BytesOrBase64 = string | Uint8Array

/** One end of a stream each. Nothing is dropped: `head` is all of it. */
export type StreamSnapshot = {
  head: BytesOrBase64
  tail: BytesOrBase64
  totalBytes: number
  /** Bytes that are missing between head and tail. */
  droppedBytes: number
  truncated: boolean
}

/** What a terminal shows. */
export type ScreenSnapshot = TerminalSize & {
  /** Text of each row, without trailing blanks. */
  lines: string[]
  /** Text and control sequences that draw the same on an empty terminal of this size. */
  ansi: string
  /** From 0. */
  cursor: { row: number; column: number; visible: boolean }
  title: string
  /** Whether the alternate screen is shown, as for an editor. */
  alternate: boolean
  /**
   * Whether all output has been drawn. Otherwise some of a flood was not, so that what has not been drawn again since
   * may differ: ask the program to draw again, by a resize.
   */
  complete: boolean
}

/** Result of process/snapshot. */
export type SnapshotResult = ListedProcess & {
  running: boolean
  /** Milliseconds since the epoch. */
  exitedAtMs: number | null
  stdout: StreamSnapshot | null
  stderr: StreamSnapshot | null
  terminal: StreamSnapshot | null
  /** Null without a terminal, and for one that is too large. */
  screen: ScreenSnapshot | null
  /** Output is complete up to, and without, this number: read on after the one before. */
  nextSeq: number
}

/** Result of process/wait. */
export type WaitResult = {
  exited: boolean
  closed: boolean
  /** Null if it is not known: it has not exited, or the server was killed before it did. */
  exitCode: number | null
  sandboxDenied: boolean
}

/** A piece of output in the result of process/logs. */
export type LogEntry = { stream: OutputStream; atMs: number; position: number; chunk: BytesOrBase64 }

/** Result of process/logs. */
export type LogsResult = {
  entries: LogEntry[]
  /** Where to read on. */
  position: number
  /** Bytes that are no longer kept, of those that were asked for up to `position`. */
  droppedBytes: number
  /** Whether no more will come. */
  ended: boolean
}

/** Params of the notification process/started, and of process/listChanged unless runs were missed. */
export type RunEvent = { process: ListedProcess }
/** Params of the notification process/failed. */
export type RunFailure = { process: ListedProcess; message: string }

/** Where the output of detached runs is kept beyond memory, and beyond the server: the host has the files. */
import type { ListedProcess, OutputStream } from '../../protocol/schemas/process.ts'
import type { TimedChunk } from './chunk.ts'

/** Receives the output of one run. */
export type OutputSink = {
  write(chunk: TimedChunk): void
  /** Whether so much waits to be written that the process is to be held back. */
  readonly isBehind: boolean
}

/** Writes one run down. */
export type RunWriter = OutputSink & {
  /** The run has ended: replaces what is known of it, and closes its files once all is written. */
  end(run: ListedProcess): void
}

/** A piece of output. `position`: how much output came before it, in bytes. */
export type StoredOutput = { stream: OutputStream; atMs: number; position: number; bytes: Uint8Array }

/** Which output to read. Positions, sizes and times as for process/logs. */
export type LogRange = { position: number; lastBytes: number | undefined; sinceMs: number; maxBytes: number }

/** Output in order, and where to read on. */
export type LogPart = { entries: StoredOutput[]; position: number; droppedBytes: number }

/** A directory of runs. Failures of a disk are reported, and cost output, but no run. */
export type RunStore = {
  /** The runs of earlier servers, in the order of their starts. All have ended. */
  readonly earlier: readonly ListedProcess[]
  /** Begins to write a run down. `onCaughtUp` is called when the writer is no longer behind. */
  create(run: ListedProcess, onCaughtUp: () => void): RunWriter
  /** Reads what has been written; undefined if the run is not there. */
  read(run: number, range: LogRange): Promise<LogPart | undefined>
  /** Forgets a run. Its files go once nothing is written to them. */
  remove(run: number): void
}

/** Turns the result of process/read into events. */
import type { ReadResult } from '../base/types.ts'
import type { SequencedEvent } from './sequencer.ts'

/** What is known of a process's events so far. */
export type KnownEvents = {
  /** Number of the last event. */
  last: number
  /** Whether an event with this number is known. */
  has(seq: number): boolean
  hasExited: boolean
}

/** The events of a read, in order. `lost`: numbers that the server no longer has. */
export type MergedRead = { events: SequencedEvent[]; lost: { first: number; last: number } | undefined }

/**
 * Derives the events from a complete read that begins after the known ones. Exit and close are not in its chunks: the
 * close has the last sequence number, the exit the only other one that no chunk has.
 */
export function mergeRead(
  { chunks, nextSeq, exited, exitCode, closed, sandboxDenied }: ReadResult,
  known: KnownEvents,
): MergedRead {
  const target = nextSeq - 1
  const found = new Map<number, SequencedEvent>()
  for (const chunk of chunks) if (chunk.seq <= target) found.set(chunk.seq, { type: 'output', ...chunk })
  if (closed) found.set(target, { type: 'closed', seq: target })
  const missing: number[] = []
  for (let seq = known.last + 1; seq <= target; seq++) if (!found.has(seq) && !known.has(seq)) missing.push(seq)
  if (exited && !known.hasExited && missing.length > 0) {
    // Evicted chunks are the oldest, so the highest missing number is the exit.
    const seq = missing.pop() as number
    found.set(seq, { type: 'exited', seq, exitCode: exitCode ?? -1, sandboxDenied })
  }
  const [first] = missing
  return {
    events: [...found.values()].sort((one, other) => one.seq - other.seq),
    lost: first === undefined ? undefined : { first, last: missing.at(-1) as number },
  }
}

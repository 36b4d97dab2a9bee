import type { OutputStream } from '../../protocol/schemas/process.ts'

/** A piece of a process's output. `seq` is its sequence number among all events of the process. */
export type Chunk = { readonly seq: number; readonly stream: OutputStream; readonly bytes: Uint8Array }

/** A chunk as it is retained. */
export type TimedChunk = Chunk & {
  /** When it was read, in milliseconds since the epoch. */
  readonly atMs: number
  /** How many bytes of output came before it. */
  readonly position: number
}

/** A piece of a process's output. `seq` is its sequence number among all events of the process. */
import type { OutputStream } from '../../protocol/schemas/process.ts'

export type Chunk = { readonly seq: number; readonly stream: OutputStream; readonly bytes: Uint8Array }

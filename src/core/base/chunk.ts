/** A piece of a process's output, as it came: its number in the order of all events of the process, and its stream. */
import type { OutputStream } from '../../protocol/schemas/process.ts'

export type Chunk = { readonly seq: number; readonly stream: OutputStream; readonly bytes: Uint8Array }

/** Joins byte arrays, and frees their memory or keeps it for others. */

import { ownsBuffer } from '../../protocol/wire/long-base64.ts'
import { KeptBuffers } from './kept-buffers.ts'
import { MAX_KEPT_BYTES } from './limits.ts'

export { joined } from '../../base/joined.ts'

/** Smaller buffers are left to the garbage collector. */
const WORTH_BYTES = 64 * 1024

const kept = new KeptBuffers(MAX_KEPT_BYTES)

/** Buffers that may be used again once they are released. */
const reusable = new WeakSet<ArrayBuffer>()

/**
 * Memory of any content for so many bytes, from what was released before, or made by `make`. To touch fresh memory costs
 * more than to fill it: the kernel has to find and clear each page. Its last user calls {@link release} with any
 * view of it.
 */
export function reuse(bytes: number, make: (bytes: number) => ArrayBuffer): ArrayBuffer {
  if (bytes < WORTH_BYTES) return make(bytes)
  const buffer = kept.take(bytes) ?? make(bytes)
  reusable.add(buffer)
  return buffer
}

/**
 * Frees the memory of bytes that are no longer used, or keeps it for {@link reuse}. Either way no view of it has any bytes
 * afterwards. The garbage collector sees a small object, not the megabytes behind it, and lets dozens of them pile up.
 * Does nothing for a view of only a part of its buffer, but for one that was decoded in place.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes
  if (!(buffer instanceof ArrayBuffer)) return
  if (reusable.delete(buffer)) {
    kept.keep(buffer)
    noteKept()
  } else if (byteLength >= WORTH_BYTES && (byteLength === buffer.byteLength || ownsBuffer(bytes))) buffer.transfer(0)
}

let noteKept = (): void => {}

/** Calls `call` whenever memory may have been kept, so that it is freed once there is no traffic. */
export function onKept(call: () => void): void {
  noteKept = call
}

/** Frees one of the buffers that are kept. Returns whether there are more. */
export const freeKept = (): boolean => kept.freeOne()

/** Joins byte arrays and frees their memory. */

import { ownsBuffer } from '../../protocol/wire/long-base64.ts'

export { joined } from '../../base/joined.ts'

/** Smaller buffers are left to the garbage collector. */
const WORTH_BYTES = 64 * 1024

/**
 * Frees the memory of bytes that are no longer used. The garbage collector sees a small object, not the megabytes
 * behind it, and lets dozens of them pile up. Does nothing for a view of only a part of its buffer, but for one that was
 * decoded in place.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes
  if (byteLength < WORTH_BYTES || !(buffer instanceof ArrayBuffer)) return
  if (byteLength === buffer.byteLength || ownsBuffer(bytes)) buffer.transfer(0)
}

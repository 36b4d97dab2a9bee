/** Joins byte arrays and frees their memory. */

export { joined } from '../../base/joined.ts'

/** Smaller buffers are left to the garbage collector. */
const WORTH_BYTES = 64 * 1024

/**
 * Frees the memory of bytes that are no longer used. The garbage collector sees a small object, not the megabytes
 * behind it, and lets dozens of them pile up. Does nothing for a view of only a part of its buffer.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < WORTH_BYTES || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  buffer.transfer(0)
}

/** Bytes in pieces, and their memory. */

export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}

/** Below that it is not worth the call. */
const WORTH_BYTES = 64 * 1024

/**
 * Gives the memory of bytes back at once that nobody will look at again. The collector would do it, but it sees a
 * small object, not the megabytes behind it, and lets dozens of them pile up. Only where they are all of their buffer.
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (byteLength < WORTH_BYTES || byteLength !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  buffer.transfer(0)
}

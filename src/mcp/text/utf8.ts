/** Where UTF-8 text may be cut. */

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80

/** Bytes of the sequence that begins with this byte. 1 for what begins none. */
function sequenceLength(byte: number): number {
  if (byte >= 0xf0) return 4
  if (byte >= 0xe0) return 3
  return byte >= 0xc0 ? 2 : 1
}

/** The length without an incomplete character at the end. */
export function completeLength(bytes: Uint8Array): number {
  let at = bytes.length - 1
  while (at >= 0 && bytes.length - at < 4 && isContinuation(bytes[at])) at--
  const first = bytes[at]
  return first === undefined || at + sequenceLength(first) <= bytes.length ? bytes.length : at
}

/** The number of bytes at the start that belong to a character before them. */
export function continuationLength(bytes: Uint8Array): number {
  let at = 0
  while (at < 3 && isContinuation(bytes[at])) at++
  return at
}

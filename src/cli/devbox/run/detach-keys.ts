/** Ctrl-P Ctrl-Q detaches from an attached process, as in docker. */

const CTRL_P = 16
const CTRL_Q = 17

/** Returns a stdin filter that calls `detach` at the sequence. Holds back a Ctrl-P until the next key. */
export function detachKeys(detach: () => void): (bytes: Uint8Array) => Uint8Array {
  let isHeld = false
  return (bytes) => {
    const through: number[] = []
    if (!isHeld && !bytes.includes(CTRL_P)) return bytes
    for (const byte of bytes) {
      if (isHeld && byte === CTRL_Q) {
        isHeld = false
        detach()
        break
      }
      if (isHeld) through.push(CTRL_P)
      isHeld = byte === CTRL_P
      if (!isHeld) through.push(byte)
    }
    return Uint8Array.from(through)
  }
}

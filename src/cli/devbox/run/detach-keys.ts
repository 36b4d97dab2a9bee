/** Ctrl-P Ctrl-Q leaves a process that one is attached to, as in docker. */

const CTRL_P = 16
const CTRL_Q = 17

/** Looks for them in what is typed. A Ctrl-P alone goes on with the key behind it. */
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

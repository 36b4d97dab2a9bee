/** Ctrl-C while disconnected: the command cannot receive it, so the second in a row ends us instead. */
import type { ExecClient } from '../../../client/base/types.ts'

const CTRL_C = 3

/** A longer chunk is pasted text, not key presses. */
const MAX_KEYS = 64

/** Counts interrupts, from signals or from the keys of a raw terminal. */
export type Interrupts = {
  /** Counts one interrupt; true if it called `giveUp`. */
  count(): boolean
  /** Stdin filter that counts each Ctrl-C; forwards everything. */
  countKeys(bytes: Uint8Array): Uint8Array
}

/** Calls `giveUp` at the second interrupt in a row while the connection recovers or `isWaiting()` is true. */
export function interruptCounter(client: ExecClient, isWaiting: () => boolean, giveUp: () => void): Interrupts {
  let inRow = 0
  const count = (): boolean => {
    if (client.state !== 'recovering' && !isWaiting()) {
      inRow = 0
      return false
    }
    if (++inRow < 2) return false
    giveUp()
    return true
  }
  return {
    count,
    countKeys(bytes) {
      for (const byte of bytes.length > MAX_KEYS ? [] : bytes) if (byte === CTRL_C) count()
      return bytes
    },
  }
}

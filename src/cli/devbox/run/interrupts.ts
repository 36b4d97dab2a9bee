/** Ctrl-C while there is no connection: the second in a row is for us, as the command cannot be told. */
import type { ExecClient } from '../../../client/base/types.ts'

const CTRL_C = 3

/** More at a time are no keys. */
const MOST_KEYS = 64

export type Interrupts = {
  /** To be called at each; true if it was the one that ends us. */
  count(): boolean
  /** Looks for them in what is typed. */
  look(bytes: Uint8Array): Uint8Array
}

/** `isWaiting` tells of other times than the loss of the connection when nobody can be told. */
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
    look(bytes) {
      for (const byte of bytes.length > MOST_KEYS ? [] : bytes) if (byte === CTRL_C) count()
      return bytes
    },
  }
}

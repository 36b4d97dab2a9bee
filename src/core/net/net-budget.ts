/** What the network connections of all clients share. */
import type { Limits } from '../base/limits.ts'

/** A connection's share, from before it is opened. */
export type NetShare = {
  /** Bytes that the client may write ahead of the peer. */
  readonly window: number
  /** Gives the share back. Once. */
  release(): void
}

/** Counts connections, and the bytes that their clients may write ahead. */
export class NetBudget {
  readonly #limits: Pick<Limits, 'netTotal' | 'netWindow' | 'netWindowLeast' | 'netWindowsTotal'>
  #connections = 0
  #windows = 0

  constructor(limits: Pick<Limits, 'netTotal' | 'netWindow' | 'netWindowLeast' | 'netWindowsTotal'>) {
    this.#limits = limits
  }

  get connections(): number {
    return this.#connections
  }

  /** A share for one more connection; undefined if there are too many. The windows of later ones are smaller. */
  take(): NetShare | undefined {
    const { netTotal, netWindow, netWindowLeast, netWindowsTotal } = this.#limits
    if (this.#connections >= netTotal) return undefined
    // An eighth of the rest, so that later connections get a share.
    const rest = Math.floor((netWindowsTotal - this.#windows) / 8)
    const window = Math.max(netWindowLeast, Math.min(netWindow, rest))
    this.#connections++
    this.#windows += window
    let isTaken = true
    return {
      window,
      release: () => {
        if (!isTaken) return
        isTaken = false
        this.#connections--
        this.#windows -= window
      },
    }
  }
}

/** What previews have open, and how much has passed through them: for the metrics. */
import type { Socket } from 'node:net'

/** Connections to programs, and bytes from and to them. */
export type PreviewCounts = { open: number; opened: number; sent: number; received: number }

export class PreviewTraffic {
  readonly #open = new Set<Socket>()
  /** Of the connections that have ended. */
  #ended = { opened: 0, sent: 0, received: 0 }

  /** Counts a connection to a program until it ends. */
  add(program: Socket): void {
    this.#open.add(program)
    program.once('close', () => {
      this.#open.delete(program)
      const { opened, sent, received } = this.#ended
      this.#ended = {
        opened: opened + 1,
        sent: sent + program.bytesWritten,
        received: received + program.bytesRead,
      }
    })
  }

  counts(): PreviewCounts {
    const counts = { ...this.#ended, open: this.#open.size }
    for (const { bytesWritten, bytesRead } of this.#open) {
      counts.opened++
      counts.sent += bytesWritten
      counts.received += bytesRead
    }
    return counts
  }
}

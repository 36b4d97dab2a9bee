/**
 * What process/write does with bytes that a child does not take. The child's own queue is short; beyond
 * it writes are held back in order, and their answers with them, which slows a client down to the child's
 * pace without delaying any other request. Beyond a second bound a write is refused.
 */
import { internalError } from '../protocol/errors.ts'
import { detached } from '../protocol/json.ts'
import type { WriteStatus } from '../protocol/process.ts'
import type { Child } from './host.ts'
import type { Limits } from './limits.ts'

type Held = { bytes: Uint8Array; settle: (status: WriteStatus) => void }

export class StdinQueue {
  readonly #child: Child
  readonly #limits: Limits
  readonly #held: Held[] = []
  #heldBytes = 0
  /** Answers by write id, oldest first. A client re-sends a write whose answer a cut connection swallowed. */
  readonly #answers = new Map<string, WriteStatus | Promise<WriteStatus>>()

  constructor(child: Child, limits: Limits) {
    this.#child = child
    this.#limits = limits
  }

  write(bytes: Uint8Array, writeId: string | null | undefined): WriteStatus | Promise<WriteStatus> {
    if (!writeId) return this.#enqueue(bytes)
    const known = this.#answers.get(writeId)
    if (known !== undefined) return known
    const answer = this.#enqueue(bytes)
    if (answer !== 'stdinClosed') this.#remember(detached(writeId), answer)
    return answer
  }

  /** The child took something, or will take no more. */
  moved(): void {
    if (!this.#child.stdinOpen()) return this.close()
    for (let next = this.#held[0]; next !== undefined && this.#fits(next.bytes); next = this.#held[0]) {
      this.#held.shift()
      this.#heldBytes -= next.bytes.length
      this.#child.write(next.bytes)
      next.settle('accepted')
    }
  }

  close(): void {
    this.#heldBytes = 0
    for (const { settle } of this.#held.splice(0)) settle('stdinClosed')
  }

  #enqueue(bytes: Uint8Array): WriteStatus | Promise<WriteStatus> {
    if (!this.#child.stdinOpen()) return 'stdinClosed'
    if (this.#held.length === 0 && this.#fits(bytes)) {
      this.#child.write(bytes)
      return 'accepted'
    }
    const waiting = this.#heldBytes + this.#child.stdinQueued()
    if (waiting + bytes.length > this.#limits.stdinTotal) {
      throw internalError(`stdin queue is full: the process has not read ${waiting} bytes yet`)
    }
    this.#heldBytes += bytes.length
    return new Promise((settle) => this.#held.push({ bytes, settle }))
  }

  /** Whatever its size, one write fits an empty queue. */
  #fits(bytes: Uint8Array): boolean {
    const queued = this.#child.stdinQueued()
    return queued === 0 || queued + bytes.length <= this.#limits.stdinQueue
  }

  #remember(writeId: string, answer: WriteStatus | Promise<WriteStatus>): void {
    this.#answers.set(writeId, answer)
    if (this.#answers.size > this.#limits.writeIds) {
      const [oldest] = this.#answers.keys()
      if (oldest !== undefined) this.#answers.delete(oldest)
    }
    if (!(answer instanceof Promise)) return
    // The id may have been forgotten, and used again, before this was answered.
    void answer.then((status) => this.#answers.get(writeId) === answer && this.#answers.set(writeId, status))
  }
}

/**
 * Queues stdin that the child has not read. The child's own queue is short; beyond it, writes are held back in order
 * and so are their responses, which slows the client down to the child's pace without delaying any other request.
 * Beyond a second limit, shared by all processes of a session, a write is refused.
 */
import { overloaded } from '../../protocol/wire/errors.ts'
import { detached } from '../../protocol/wire/json.ts'
import type { WriteStatus } from '../../protocol/schemas/process.ts'
import type { Child } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import type { Totals } from '../base/observer.ts'
import type { StdinBudget, PendingStdin } from './stdin-budget.ts'

type Held = { bytes: Uint8Array; settle: (status: WriteStatus) => void }

/** Stdin of one process, with back-pressure and de-duplication by write id. */
export class StdinQueue implements PendingStdin {
  readonly #child: Child
  readonly #limits: Limits
  readonly #totals: Pick<Totals, 'stdinWritten'>
  readonly #budget: StdinBudget
  /** In arrival order. */
  readonly #held = new Set<Held>()
  #heldBytes = 0
  /** Writes passed to the child since its queue was last empty. */
  #given = 0
  /** Whether stdin ends after what is queued and held back. */
  #isEnding = false
  /** Statuses by write id, oldest first. A client retries a write whose response was lost with its connection. */
  readonly #answers = new Map<string, WriteStatus | Promise<WriteStatus>>()

  constructor(child: Child, limits: Limits, totals: Pick<Totals, 'stdinWritten'>, budget: StdinBudget) {
    this.#child = child
    this.#limits = limits
    this.#totals = totals
    this.#budget = budget
  }

  /** Bytes queued and held back. */
  get bytes(): number {
    return this.#heldBytes + this.#child.stdinQueued()
  }

  /** Cost of what waits, in bytes, with the overhead of held writes. */
  waiting(): number {
    if (!this.#child.stdinOpen() && !this.#isEnding) return 0
    return this.bytes + this.#held.size * this.#limits.heldWriteOverhead
  }

  /**
   * Writes, or holds the write back until there is room: then calls `onWait` first and returns a promise.
   * @throws -32001 when the session's stdin is full.
   */
  write(
    bytes: Uint8Array,
    writeId: string | null | undefined,
    onWait?: () => void,
  ): WriteStatus | Promise<WriteStatus> {
    if (!writeId) return this.#enqueue(bytes, onWait)
    const known = this.#answers.get(writeId)
    if (known instanceof Promise) onWait?.()
    if (known !== undefined) return known
    const answer = this.#enqueue(bytes, onWait)
    if (answer !== 'stdinClosed') this.#remember(detached(writeId), answer)
    return answer
  }

  /** Called when the child has read from its queue, or has closed stdin. */
  moved(): void {
    if (!this.#child.stdinOpen()) return this.close()
    for (const next of this.#held) {
      if (!this.#fits(next.bytes)) return
      this.#held.delete(next)
      this.#heldBytes -= next.bytes.length
      this.#write(next.bytes)
      next.settle('accepted')
    }
    if (this.#isEnding) this.#child.endStdin?.()
  }

  /** Ends stdin after everything accepted or held back. */
  end(): 'accepted' | 'stdinClosed' {
    if (this.#isEnding || !this.#child.stdinOpen()) return 'stdinClosed'
    this.#isEnding = true
    if (this.#held.size === 0) this.#child.endStdin?.()
    return 'accepted'
  }

  /** Settles every held write with `stdinClosed`. */
  close(): void {
    this.#heldBytes = 0
    const held = [...this.#held]
    this.#held.clear()
    for (const { settle } of held) settle('stdinClosed')
  }

  #write(bytes: Uint8Array): void {
    this.#totals.stdinWritten += bytes.length
    this.#given = this.#child.stdinQueued() === 0 ? 1 : this.#given + 1
    this.#child.write(bytes)
    if (this.#child.stdinQueued() > 0) this.#budget.add(this)
  }

  #enqueue(bytes: Uint8Array, onWait: (() => void) | undefined): WriteStatus | Promise<WriteStatus> {
    if (this.#isEnding || !this.#child.stdinOpen()) return 'stdinClosed'
    const isHeld = this.#held.size > 0 || !this.#fits(bytes)
    if (!this.#budget.fits(bytes.length + (isHeld ? this.#limits.heldWriteOverhead : 0))) {
      const { total } = this.#budget
      throw overloaded(
        `stdin queue is full: ${total} bytes wait for processes of this session, which may be ${this.#limits.stdinTotal}`,
      )
    }
    if (!isHeld) {
      this.#write(bytes)
      return 'accepted'
    }
    onWait?.()
    this.#heldBytes += bytes.length
    this.#budget.add(this)
    return new Promise((settle) => this.#held.add({ bytes, settle }))
  }

  /** One write of any size fits an empty queue. */
  #fits(bytes: Uint8Array): boolean {
    const queued = this.#child.stdinQueued()
    const { stdinQueue, stdinWrites } = this.#limits
    return queued === 0 || (queued + bytes.length <= stdinQueue && this.#given < stdinWrites)
  }

  #remember(writeId: string, answer: WriteStatus | Promise<WriteStatus>): void {
    this.#answers.set(writeId, answer)
    if (this.#answers.size > this.#limits.writeIds) {
      const [oldest] = this.#answers.keys()
      if (oldest !== undefined) this.#answers.delete(oldest)
    }
    if (!(answer instanceof Promise)) return
    // The id may have been evicted and reused in the meantime.
    void answer.then((status) => this.#answers.get(writeId) === answer && this.#answers.set(writeId, status))
  }
}

/**
 * Shares a number of slots among callers, in turns: each release serves the caller that was served, or came, longest ago,
 * and one caller alone never holds them all. So no caller keeps the others waiting, however many calls it has.
 */

/** Whose calls they are, by identity: a connection. */
export type Caller = {
  /** Its waiting calls are then dropped, because their answers have no reader. */
  readonly isGone: boolean
}

/** A slot in use. */
export type Slot = {
  /** Others may use the slot from now on, though this call goes on. It still counts as one of its caller. */
  setAside(): void
  /** The call has ended. Only the first release counts. */
  release(): void
}

/** How many slots there are. */
export type SlotLimits = {
  /** Slots in use at a time. */
  total: number
  /** Of these, calls of one caller, set aside or not. */
  perCaller: number
  /** Calls set aside at a time; beyond that their slots stay taken. */
  aside: number
}

/** The caller has gone before its turn came. */
export class CallerGoneError extends Error {}

type Waiting = { grant: (slot: Slot) => void; drop: (error: Error) => void }
type Turns = { held: number; waiting: Waiting[] }

/** Slots for calls. State: what each caller holds and waits for, callers in the order of their turns. */
export class FairSlots {
  readonly #limits: SlotLimits
  readonly #callers = new Map<Caller, Turns>()
  #used = 0
  #aside = 0

  constructor(limits: SlotLimits) {
    this.#limits = limits
  }

  /**
   * Waits for a slot.
   * @throws CallerGoneError if the caller has gone meanwhile
   */
  acquire(caller: Caller): Promise<Slot> {
    const turns = this.#turnsOf(caller)
    return new Promise((grant, drop) => {
      turns.waiting.push({ grant, drop })
      this.#grant()
    })
  }

  #turnsOf(caller: Caller): Turns {
    let turns = this.#callers.get(caller)
    if (turns === undefined) this.#callers.set(caller, (turns = { held: 0, waiting: [] }))
    return turns
  }

  #grant(): void {
    while (this.#used < this.#limits.total) {
      const caller = this.#next()
      if (caller === undefined) return
      const turns = this.#turnsOf(caller)
      const call = turns.waiting.shift()
      // Behind all others, whether they wait or not.
      this.#callers.delete(caller)
      this.#callers.set(caller, turns)
      turns.held++
      this.#used++
      call?.grant(this.#slotOf(caller, turns))
    }
  }

  /** The caller whose turn it is. Drops the calls of those that have gone. */
  #next(): Caller | undefined {
    for (const [caller, turns] of this.#callers) {
      if (caller.isGone)
        for (const { drop } of turns.waiting.splice(0)) drop(new CallerGoneError('the client has gone'))
      if (turns.waiting.length > 0 && turns.held < this.#limits.perCaller) return caller
      if (turns.waiting.length === 0 && turns.held === 0) this.#callers.delete(caller)
    }
    return undefined
  }

  #slotOf(caller: Caller, turns: Turns): Slot {
    let state: 'used' | 'aside' | 'released' = 'used'
    return {
      setAside: () => {
        if (state !== 'used' || this.#aside >= this.#limits.aside) return
        state = 'aside'
        this.#aside++
        this.#used--
        this.#grant()
      },
      release: () => {
        if (state === 'released') return
        if (state === 'aside') this.#aside--
        else this.#used--
        state = 'released'
        turns.held--
        if (turns.held === 0 && turns.waiting.length === 0) this.#callers.delete(caller)
        this.#grant()
      },
    }
  }
}

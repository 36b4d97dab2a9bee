/** The requests of one session that wait for their answers, each accounted for. */
import { RpcFailure } from '../../test/support/client.ts'
import type { Ledger } from './ledger.ts'

/** The failure has been counted already. */
export class AlreadyReported extends Error {}

type Pending = { method: string; deadline: number; resolve: (result: any) => void; reject: (error: Error) => void }
type Answer = { id: number; result?: any; error?: { code: number; message: string } }

/** Nothing takes nearly as long, on a busy machine either: waits are of a few seconds, and so are pauses of a reader. */
const DEADLINE_MS = 120_000
const SWEEP_MS = 1000
const NO_ID = -1

export class Requests {
  readonly #name: string
  readonly #ledger: Ledger
  #nextId = 1
  readonly #pending = new Map<number, Pending>()
  /** Malformed messages, whose errors have no id and come in their order. */
  readonly #malformed: Pending[] = []
  readonly #sweep = setInterval(() => this.#findLost(), SWEEP_MS)

  constructor(name: string, ledger: Ledger) {
    this.#name = name
    this.#ledger = ledger
  }

  /** `send` is called with the id. Settles with the result, or fails with RpcFailure or what `endAll` gives. */
  add(method: string, send: (id: number) => void): Promise<any> {
    const id = this.#nextId++
    const { pending, promise } = this.#begin(method)
    this.#pending.set(id, pending)
    send(id)
    return promise
  }

  /** For a message that cannot be understood. */
  addMalformed(send: () => void): Promise<any> {
    const { pending, promise } = this.#begin('a malformed message')
    this.#malformed.push(pending)
    send()
    return promise
  }

  #begin(method: string): { pending: Pending; promise: Promise<any> } {
    this.#ledger.sent++
    const { promise, resolve, reject } = Promise.withResolvers<any>()
    return { pending: { method, deadline: Date.now() + DEADLINE_MS, resolve, reject }, promise }
  }

  /** Hands an answer to who waits for it; with `instead` that is what the waiting fails with, whatever the answer says. */
  answer({ id, result, error }: Answer, instead?: Error): void {
    const pending = id === NO_ID ? this.#malformed.shift() : this.#pending.get(id)
    if (pending === undefined) {
      return this.#ledger.fault(
        `${this.#name}: an answer to nothing: ${JSON.stringify({ id, result, error }).slice(0, 200)}`,
      )
    }
    this.#pending.delete(id)
    this.#ledger.answered++
    if (instead !== undefined) pending.reject(instead)
    else if (error !== undefined) pending.reject(new RpcFailure(error.code, error.message))
    else pending.resolve(result)
  }

  /** No answer can come any more; why, decides the account. */
  endAll(account: 'abandoned' | 'ended' | 'lost', reason: string, error: Error): void {
    const all = [...this.#pending.values(), ...this.#malformed.splice(0)]
    this.#pending.clear()
    for (const { method, reject } of all) {
      if (account === 'lost') this.#ledger.lose(`${this.#name}: ${method}, as ${reason}`)
      else this.#ledger[account]++
      reject(error)
    }
  }

  stop(): void {
    clearInterval(this.#sweep)
  }

  #findLost(): void {
    const now = Date.now()
    const lose = ({ method, reject }: Pending): void => {
      this.#ledger.lose(`${this.#name}: ${method} was not answered within ${DEADLINE_MS} ms`)
      reject(new AlreadyReported())
    }
    for (const [id, pending] of this.#pending) {
      if (pending.deadline > now) break
      this.#pending.delete(id)
      lose(pending)
    }
    while ((this.#malformed[0]?.deadline ?? now) < now) lose(this.#malformed.shift() as Pending)
  }
}

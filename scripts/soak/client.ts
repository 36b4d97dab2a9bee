/** A client: it has a session, and makes another one when that is over. */
import type { Endpoint } from './endpoints.ts'
import type { Ledger } from './ledger.ts'
import { Over, Session } from './session.ts'

export class Client {
  readonly name: string
  readonly endpoint: Endpoint
  readonly #ledger: Ledger
  #sessions = 0
  #current: Promise<Session> | undefined

  constructor(name: string, endpoint: Endpoint, ledger: Ledger) {
    this.name = name
    this.endpoint = endpoint
    this.#ledger = ledger
  }

  async session(): Promise<Session> {
    for (;;) {
      this.#current ??= Session.open(`${this.name}.${++this.#sessions}`, this.endpoint, this.#ledger)
      const current = this.#current
      const generation = this.endpoint.generation
      try {
        const session = await current
        if (!session.isOver) return session
      } catch (error) {
        // Also a connection that was refused, if the server was being ended just then.
        if (!(error instanceof Over) && generation === this.endpoint.generation) throw error
      }
      if (this.#current === current) this.#current = undefined
    }
  }

  /** The session there is, if it can be disturbed. */
  async present(): Promise<Session | undefined> {
    const session = await this.#current?.catch(() => undefined)
    return session?.isOpen === true ? session : undefined
  }
}

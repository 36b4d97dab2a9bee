/** One connection: numbers requests, matches answers, hands notifications on, and notices when the peer has vanished. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { ProtocolError, messageOf } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Wire, WireEvents } from '../transports/transport.ts'

/** By this a server says that its own connection has gone; it is an answer only in form. */
const TRANSPORT_CLOSED = -32000

/** After a deadline, what has come in meanwhile is still read: the event loop may have been busy elsewhere. */
const SECOND_LOOK_MS = 100

export type ConnectionEvents = {
  notification(method: string, params: unknown): void
  /** Once; every request without an answer has been told. */
  lost(reason: string): void
}

export type Answered = {
  resolve: (result: unknown) => void
  reject: (error: RpcError) => void
  lost: (reason: string) => void
}

export class Connection implements WireEvents {
  readonly #limits: ClientLimits
  readonly #events: ConnectionEvents
  readonly #requests = new Map<number, Answered>()
  #wire: Wire | undefined
  #nextId = 1
  #lost: string | undefined
  #heard = false
  #isPaused = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(limits: ClientLimits, events: ConnectionEvents) {
    this.#limits = limits
    this.#events = events
  }

  /** The wire is open. `canVanish`: see {@link watch}. */
  opened(wire: Wire): void {
    this.#wire = wire
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  // ---- what the wire tells ----

  message(text: string): void {
    this.#heard = true
    if (this.#lost !== undefined) return
    try {
      this.#read(JSON.parse(text))
    } catch (error) {
      this.end(`the server broke the protocol: ${messageOf(error)}`)
    }
  }

  alive(): void {
    this.#heard = true
  }

  closed(reason: string): void {
    if (this.#lost !== undefined) return
    this.#lost = reason
    clearTimeout(this.#timer)
    const requests = [...this.#requests.values()]
    this.#requests.clear()
    for (const { lost } of requests) lost(reason)
    this.#events.lost(reason)
  }

  #read(message: unknown): void {
    if (typeof message !== 'object' || message === null) throw new ProtocolError('a message is no object')
    const { id, method, params, result, error } = message as Record<string, unknown>
    if (typeof method === 'string') {
      if (id === undefined) return this.#events.notification(method, params)
      // Servers ask only clients that have said that they can answer.
      return this.#wire?.send(
        `{"error":{"code":${ErrorCode.MethodNotFound},"message":"this client answers no requests"},"id":${JSON.stringify(id)}}`,
      )
    }
    const request = this.#requests.get(id as number)
    // Of a call that was given up, or an answer to a message that the server could not read.
    if (request === undefined) return
    if (error === undefined || error === null) {
      this.#requests.delete(id as number)
      return request.resolve(result)
    }
    const { code, message: text } = error as { code?: unknown; message?: unknown }
    // Until here it is one of those that are told of the end.
    if (typeof code !== 'number' || typeof text !== 'string')
      throw new ProtocolError('an error without code and message')
    if (code === TRANSPORT_CLOSED) return this.end('the server said that the connection has gone')
    this.#requests.delete(id as number)
    request.reject(new RpcError(code, text))
  }

  // ---- what the session asks for ----

  /** `params` is JSON text. */
  request(method: string, params: string, answered: Answered): void {
    if (this.#lost !== undefined || this.#wire === undefined)
      return answered.lost(this.#lost ?? 'the connection is not open')
    const id = this.#nextId++
    this.#requests.set(id, answered)
    this.#wire.send(`{"id":${id},"method":"${method}","params":${params}}`)
  }

  notify(method: string, params: string): void {
    if (this.#lost === undefined) this.#wire?.send(`{"method":"${method}","params":${params}}`)
  }

  /** Nothing is read meanwhile, where the wire can do that. */
  setPaused(isPaused: boolean): void {
    if (
      this.#lost !== undefined ||
      isPaused === this.#isPaused ||
      this.#wire?.pause === undefined ||
      this.#wire.resume === undefined
    )
      return
    this.#isPaused = isPaused
    if (isPaused) this.#wire.pause()
    else this.#wire.resume()
  }

  /** Asks a peer that has fallen silent for a sign of life, by a ping or else by `ask`, and gives it up if there is none. */
  watch(ask: () => void): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#limits
    const silence = (): void => {
      if (this.#takeHeard()) return schedule(silence, pingIntervalMs)
      if (this.#wire?.ping !== undefined) this.#wire.ping()
      else ask()
      schedule(deadline, pingTimeoutMs)
    }
    const deadline = (): void => (this.#isAlive ? silence() : schedule(lastLook, SECOND_LOOK_MS))
    const seconds = (pingIntervalMs + pingTimeoutMs) / 1000
    const lastLook = (): void => (this.#isAlive ? silence() : this.end(`it has given no sign of life for ${seconds} s`))
    const schedule = (step: () => void, ms: number): void => {
      if (this.#lost === undefined) this.#timer = setTimeout(step, ms)
    }
    schedule(silence, pingIntervalMs)
  }

  /** Whether there was a sign of life since it was asked for. While nothing is read there can be none. */
  get #isAlive(): boolean {
    return this.#heard || this.#isPaused
  }

  #takeHeard(): boolean {
    const heard = this.#isAlive
    this.#heard = false
    return heard
  }

  /** Ends it from this side, for a reason that whoever waits is told. */
  end(reason: string): void {
    this.closed(reason)
    void this.close()
  }

  /** Settles when nothing is left of the wire. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    // The other end's farewell must be read.
    if (this.#isPaused) this.#wire?.resume?.()
    await this.#wire?.close()
  }
}

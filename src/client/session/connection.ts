/** One connection: assigns request ids, matches responses, dispatches notifications and detects a dead peer. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { ProtocolError, messageOf } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Wire, WireEvents } from '../transports/transport.ts'

/** The server's code for "my own connection is gone": ends this connection instead of failing one request. */
const TRANSPORT_CLOSED = -32000

/** Grace after a ping timeout: the event loop may have been busy while a reply was waiting in the socket. */
const SECOND_LOOK_MS = 100

/** Callbacks of a connection. */
export type ConnectionEvents = {
  notification(method: string, params: unknown): void
  /** Called once, after every pending request has been notified. */
  lost(reason: string): void
}

/** Callbacks of a request; exactly one is called. */
export type Answered = {
  resolve: (result: unknown) => void
  reject: (error: RpcError) => void
  lost: (reason: string) => void
}

/** A JSON-RPC connection on top of a wire. */
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

  /** Attaches the open wire. */
  opened(wire: Wire): void {
    this.#wire = wire
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  // ---- wire events ----

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
      // Servers send requests only to clients that advertise support for them.
      return this.#wire?.send(
        `{"error":{"code":${ErrorCode.MethodNotFound},"message":"this client answers no requests"},"id":${JSON.stringify(id)}}`,
      )
    }
    const request = this.#requests.get(id as number)
    // The call was cancelled, or the server could not parse the message it answers.
    if (request === undefined) return
    if (error === undefined || error === null) {
      this.#requests.delete(id as number)
      return request.resolve(result)
    }
    const { code, message: text } = error as { code?: unknown; message?: unknown }
    // On a malformed error the request is still pending, so `closed` notifies it.
    if (typeof code !== 'number' || typeof text !== 'string')
      throw new ProtocolError('an error without code and message')
    if (code === TRANSPORT_CLOSED) return this.end('the server said that the connection has gone')
    this.#requests.delete(id as number)
    request.reject(new RpcError(code, text))
  }

  // ---- requests and liveness ----

  /** Sends a request. `params` is JSON text. */
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

  /** Pauses or resumes reading, if the wire supports it. */
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

  /**
   * Detects a dead peer: after `pingIntervalMs` of silence sends a ping, or calls `ask` if the wire has none, and ends
   * the connection if nothing arrives within `pingTimeoutMs`.
   */
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

  /** Whether anything arrived since the last check. A paused connection counts as alive. */
  get #isAlive(): boolean {
    return this.#heard || this.#isPaused
  }

  #takeHeard(): boolean {
    const heard = this.#isAlive
    this.#heard = false
    return heard
  }

  /** Ends the connection from this side; pending requests get the reason. */
  end(reason: string): void {
    this.closed(reason)
    void this.close()
  }

  /** Resolves when the wire is fully closed. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    // Resume reading, so that the peer's close frame arrives.
    if (this.#isPaused) this.#wire?.resume?.()
    await this.#wire?.close()
  }
}

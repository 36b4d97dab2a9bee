/** One connection: assigns request ids, matches responses, dispatches notifications and detects a dead peer. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { ProtocolError, messageOf } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { textOf } from '../transports/client-message.ts'
import type { ClientMessage } from '../transports/client-message.ts'
import type { Params } from './rpc-client.ts'
import type { Transport, TransportEvents } from '../transports/transport.ts'

/** The server's code for "my own connection is gone": ends this connection instead of failing one request. */
const TRANSPORT_CLOSED = -32000

/** Grace after a ping timeout: the event loop may have been busy while a reply was waiting in the socket. */
const PING_GRACE_MS = 100

/** Parts of the ping interval in which it is looked whether anything arrived. */
const QUIET_TICKS = 5

/** Callbacks of a connection. */
export type ConnectionEvents = {
  notification(method: string, params: unknown): void
  /** Called once, after every pending request has been notified. */
  lost(reason: string): void
}

/** Callbacks of a request; exactly one is called. */
export type ResponseHandlers = {
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
  lost: (reason: string) => void
}

/** A JSON-RPC connection on top of a transport. */
export class Connection implements TransportEvents {
  readonly #limits: ClientLimits
  readonly #events: ConnectionEvents
  readonly #requests = new Map<number, ResponseHandlers>()
  #transport: Transport | undefined
  #nextId = 1
  #lost: string | undefined
  #heard = false
  #isPaused = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(limits: ClientLimits, events: ConnectionEvents) {
    this.#limits = limits
    this.#events = events
  }

  /** Attaches the open transport. */
  opened(transport: Transport): void {
    this.#transport = transport
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  // ---- transport events ----

  message(text: string): void {
    this.#heard = true
    if (this.#lost !== undefined) return
    try {
      this.#read(JSON.parse(text))
    } catch (error) {
      this.end(`the server broke the protocol: ${messageOf(error)}`)
    }
  }

  value(message: unknown): void {
    this.#heard = true
    if (this.#lost !== undefined) return
    try {
      this.#read(message)
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
      const error = { code: ErrorCode.MethodNotFound, message: 'this client answers no requests' }
      return this.#send({ id, error })
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

  /** Sends a request. It is rejected with the error of encoding it, too. */
  request(method: string, params: Params, handlers: ResponseHandlers): void {
    if (this.#lost !== undefined || this.#transport === undefined)
      return handlers.lost(this.#lost ?? 'the connection is not open')
    const id = this.#nextId++
    this.#requests.set(id, handlers)
    try {
      this.#send({ id, method, params })
    } catch (error) {
      if (this.#requests.delete(id)) handlers.reject(error)
    }
  }

  notify(method: string, params: Params): void {
    if (this.#lost === undefined) this.#send({ method, params })
  }

  #send(message: ClientMessage): void {
    const transport = this.#transport
    if (transport?.send === undefined) transport?.sendValue(message)
    else transport.send(textOf(message))
  }

  /** Pauses or resumes reading, if the transport supports it. */
  setPaused(isPaused: boolean): void {
    if (
      this.#lost !== undefined ||
      isPaused === this.#isPaused ||
      this.#transport?.pause === undefined ||
      this.#transport.resume === undefined
    )
      return
    this.#isPaused = isPaused
    if (isPaused) this.#transport.pause()
    else this.#transport.resume()
  }

  /**
   * Detects a dead peer: after `pingIntervalMs` of silence, or up to a `QUIET_TICKS`th more, sends a ping, or calls `ask`
   * if the transport has none, and ends the connection if nothing arrives within `pingTimeoutMs`. Ticks and a flag instead
   * of the time of each message: messages are many.
   */
  watch(ask: () => void): void {
    const { pingIntervalMs, pingTimeoutMs } = this.#limits
    const tickMs = pingIntervalMs / QUIET_TICKS
    let quietTicks = 0
    const silence = (): void => {
      quietTicks = this.#takeHeard() ? 0 : quietTicks + 1
      if (quietTicks < QUIET_TICKS) return schedule(silence, tickMs)
      quietTicks = 0
      if (this.#transport?.ping !== undefined) this.#transport.ping()
      else ask()
      schedule(timeout, pingTimeoutMs)
    }
    const timeout = (): void => (this.#isAlive ? silence() : schedule(graceOver, PING_GRACE_MS))
    const seconds = (pingIntervalMs + pingTimeoutMs) / 1000
    const graceOver = (): void =>
      this.#isAlive ? silence() : this.end(`it has given no sign of life for ${seconds} s`)
    const schedule = (step: () => void, ms: number): void => {
      if (this.#lost === undefined) this.#timer = setTimeout(step, ms)
    }
    schedule(silence, tickMs)
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

  /** Resolves when the transport is fully closed. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    // Resume reading, so that the peer's close frame arrives.
    if (this.#isPaused) this.#transport?.resume?.()
    await this.#transport?.close()
  }
}

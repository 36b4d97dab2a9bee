/** Sends the responses of one connection, and ends the requests that they answer. */
import { encodeError, encodeResult, NO_ID } from '../../protocol/wire/envelope.ts'
import { ErrorCode, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Host } from '../base/host.ts'
import { RawJson } from '../base/json-fragments.ts'
import type { Result } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'
import { count } from '../base/observer.ts'
import type { Observer } from '../base/observer.ts'
import type { Transport } from '../base/transport.ts'
import type { Ticket } from './ticket.ts'

/** Dependencies of a {@link Responder}. */
export type ResponderOptions = { limits: Limits; host: Pick<Host, 'report'>; observer: Observer }

/** Encodes and counts responses. Sends none once it is stopped, but still ends the requests. */
export class Responder {
  readonly #transport: Transport
  readonly #options: ResponderOptions
  #isStopped = false

  constructor(transport: Transport, options: ResponderOptions) {
    this.#transport = transport
    this.#options = options
  }

  /**
   * Answers with `result`, or with -32600 if it is larger than a message.
   * @throws what encoding and the transport throw; then call `fail`
   */
  succeed(ticket: Ticket, result: Result): void {
    const { messageBytes } = this.#options.limits
    const message =
      result instanceof RawJson ? result.asResult(ticket.id) : encodeResult(ticket.id, JSON.stringify(result))
    if (exceeds(message, messageBytes))
      return this.fail(ticket, invalidRequest(`the answer is larger than ${messageBytes} bytes`))
    this.#send(ticket, message)
    ticket.conclude({ result })
  }

  /** Answers with an error. One that is no RpcError is a fault of the server: it is reported, not shown. */
  fail(ticket: Ticket, error: unknown): void {
    const { host, observer } = this.#options
    if (!(error instanceof RpcError)) host.report(error)
    const { code, message } =
      error instanceof RpcError ? error : { code: ErrorCode.Internal, message: 'internal error' }
    count(observer.totals.errors, code)
    if (ticket.method === Method.ProcessStart) observer.totals.refusedStarts++
    this.#send(ticket, encodeError(ticket.id, code, message))
    ticket.conclude({ error: { code, message, cause: error } })
  }

  /** Answers a message that is no request with -32600. */
  refuse(detail: string, id = NO_ID): void {
    count(this.#options.observer.totals.errors, ErrorCode.InvalidRequest)
    this.#transport.send(
      encodeError(id, ErrorCode.InvalidRequest, `failed to parse ${this.#transport.source}: ${detail}`),
    )
  }

  /** The connection is gone. */
  stop(): void {
    this.#isStopped = true
  }

  #send(ticket: Ticket, message: string | RawJson): void {
    if (!ticket.answer()) return
    try {
      if (!this.#isStopped) this.#transport.send(message)
      else if (message instanceof RawJson) message.discard()
    } finally {
      ticket.end()
    }
  }
}

/**
 * Whether a message is larger than `bytes`. Text is encoded only if it might be: a UTF-16 unit has at most 3 bytes in
 * UTF-8.
 */
function exceeds(message: string | RawJson, bytes: number): boolean {
  if (typeof message !== 'string' || message.length > bytes) return message.length > bytes
  return message.length * 3 > bytes && new TextEncoder().encode(message).length > bytes
}

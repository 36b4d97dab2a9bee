/** Sends the responses of one connection, and ends the requests that they answer. */
import { mapResult } from '../../protocol/mapping/result-paths.ts'
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import { NO_ID } from '../../protocol/wire/envelope.ts'
import { ErrorCode, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Host } from '../base/host.ts'
import type { Result } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'
import { count } from '../base/observer.ts'
import type { Observer } from '../base/observer.ts'
import { textOutbox } from '../base/outbox.ts'
import type { NoticeSink } from '../base/outbound-scheduler.ts'
import type { Outbox } from '../base/outbox.ts'
import type { Transport, ValueTransport } from '../base/transport.ts'
import { valueOutbox } from '../base/value-outbox.ts'
import type { Ticket } from './ticket.ts'

/** Dependencies of a {@link Responder}. `source` describes the messages in errors; see `Transport`. */
export type ResponderOptions = {
  limits: Limits
  host: Pick<Host, 'report'>
  observer: Observer
  source: string
  /** The client's paths, where they differ from those of this machine. */
  pathMap?: PathMap | undefined
}

/** What answers the requests of a connection. */
export type Responds = Pick<Responder<never>, 'succeed' | 'fail' | 'refuse' | 'stop'>

/** Opens what answers on a transport, and what sends notifications there. */
export function openResponder(
  transport: Transport | ValueTransport,
  options: Omit<ResponderOptions, 'source'>,
): { sink: NoticeSink; responder: Responds } {
  const all = { ...options, source: transport.source }
  if ('send' in transport) {
    const outbox = textOutbox(transport)
    return { sink: outbox, responder: new Responder(outbox, all) }
  }
  const outbox = valueOutbox(transport)
  return { sink: outbox, responder: new Responder(outbox, all) }
}

/** Encodes and counts responses. Sends none once it is stopped, but still ends the requests. */
export class Responder<M> {
  readonly #outbox: Outbox<M>
  readonly #options: ResponderOptions
  #isStopped = false

  constructor(outbox: Outbox<M>, options: ResponderOptions) {
    this.#outbox = outbox
    this.#options = options
  }

  /**
   * Answers with `result`, or with -32600 if it is larger than a message.
   * @throws what encoding and the transport throw; then call `fail`
   */
  succeed(ticket: Ticket, result: Result): void {
    const { limits, pathMap } = this.#options
    const { messageBytes } = limits
    const shown = pathMap === undefined ? result : mapResult(ticket.method, result, pathMap)
    const message = this.#outbox.result(ticket.id, shown)
    if (this.#outbox.exceeds(message, messageBytes))
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
    this.#send(ticket, this.#outbox.error(ticket.id, code, this.#options.pathMap?.textToClient(message) ?? message))
    ticket.conclude({ error: { code, message, cause: error } })
  }

  /** Answers a message that is no request with -32600. */
  refuse(detail: string, id = NO_ID): void {
    count(this.#options.observer.totals.errors, ErrorCode.InvalidRequest)
    const { source } = this.#options
    this.#outbox.send(this.#outbox.error(id, ErrorCode.InvalidRequest, `failed to parse ${source}: ${detail}`))
  }

  /** The connection is gone. */
  stop(): void {
    this.#isStopped = true
  }

  #send(ticket: Ticket, message: M): void {
    if (!ticket.answer()) return
    try {
      if (!this.#isStopped) this.#outbox.send(message)
      else this.#outbox.discard(message)
    } finally {
      ticket.end()
    }
  }
}

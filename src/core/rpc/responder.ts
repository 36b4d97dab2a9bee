/** Sends the responses of one connection, and ends the requests that they answer. */
import { mapResult } from '../../protocol/mapping/result-paths.ts'
import type { PathMap } from '../../protocol/schemas/path-map.ts'
import { NO_ID } from '../../protocol/wire/envelope.ts'
import { ErrorCode, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { Steps } from '../../protocol/wire/steps.ts'
import { nextTurn } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
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

/** Time to encode in one turn, in milliseconds: hardly noticed by other clients. */
const TURN_MS = 2

/** Dependencies of a {@link Responder}. `source` describes the messages in errors; see `Transport`. */
export type ResponderOptions = {
  clock: Clock
  limits: Limits
  host: Pick<Host, 'report'>
  observer: Observer
  source: string
  /** The client's paths, where they differ from those of this machine. */
  pathMap?: PathMap | undefined
}

/** What answers the requests of a connection. */
export type Responds = Pick<Responder<never>, 'succeed' | 'succeedInTurns' | 'fail' | 'refuse' | 'stop'>

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
    this.#answer(ticket, result, this.#outbox.result(ticket.id, this.#shown(ticket, result)))
  }

  /** As {@link succeed}, but a result that takes long is encoded in several turns of the event loop: then a promise. */
  succeedInTurns(ticket: Ticket, result: Result): Promise<void> | undefined {
    const shown = this.#shown(ticket, result)
    const steps = this.#outbox.resultSteps(ticket.id, shown)
    if (steps !== undefined) return this.#inTurns(steps).then((message) => this.#answer(ticket, result, message))
    this.#answer(ticket, result, this.#outbox.result(ticket.id, shown))
    return undefined
  }

  async #inTurns(steps: Steps<M>): Promise<M> {
    const { clock } = this.#options
    for (let since = clock.now(); ; ) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (clock.now() - since < TURN_MS) continue
      await nextTurn(clock)
      since = clock.now()
    }
  }

  /** The result with the client's paths. */
  #shown(ticket: Ticket, result: Result): Result {
    const { pathMap } = this.#options
    return pathMap === undefined ? result : mapResult(ticket.method, result, pathMap)
  }

  #answer(ticket: Ticket, result: Result, message: M): void {
    const { messageBytes } = this.#options.limits
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

/**
 * Where a connection's messages go, in the form that its transport carries: JSON text, or values for a client in this
 * program. `M` is a message in that form.
 */
import { encodeError, encodeResult } from '../../protocol/wire/envelope.ts'
import type { IdText } from '../../protocol/wire/envelope.ts'
import { encodeSteps } from '../../protocol/wire/list-steps.ts'
import type { ListText } from '../../protocol/wire/list-steps.ts'
import type { Steps } from '../../protocol/wire/steps.ts'
import { BytesResult, RawJson } from './json-fragments.ts'
import type { Result } from './json-fragments.ts'
import type { NoticeSink } from './outbound-scheduler.ts'
import type { Transport } from './transport.ts'

/** Makes messages, measures and sends them. */
export type Outbox<M> = NoticeSink & {
  /** The response to request `id`. @throws for what is no JSON */
  result(id: IdText, result: Result): M
  /** The same in steps, for a result that takes long; undefined for others. */
  resultSteps(id: IdText, result: Result): Steps<M> | undefined
  error(id: IdText, code: number, message: string): M
  /** Whether a message has more bytes than that as JSON text. */
  exceeds(message: M, bytes: number): boolean
  send(message: M): void
  /** Frees what a message holds that will not be sent. */
  discard(message: M): void
}

/** Sends JSON text. */
export const textOutbox = (transport: Transport): Outbox<string | RawJson> => ({
  queued: () => transport.queued(),
  notify: (notice) => transport.send(notice.json()),
  result: (id, result) =>
    result instanceof BytesResult ? result.asResult(id) : encodeResult(id, JSON.stringify(result)),
  resultSteps: (id, result) => {
    const steps = result instanceof BytesResult ? undefined : encodeSteps(result)
    return steps && encodedSteps(id, steps)
  },
  error: encodeError,
  exceeds,
  send: (message) => transport.send(message),
  discard: (message) => {
    if (message instanceof RawJson) message.discard()
  },
})

function* encodedSteps(id: IdText, steps: Steps<ListText>): Steps<RawJson> {
  const { head, elements, tail } = yield* steps
  return new RawJson(head, elements, tail).asResult(id)
}

/**
 * Whether a message is larger than `bytes`. Text is encoded only if it might be: a UTF-16 unit has at most 3 bytes in
 * UTF-8.
 */
function exceeds(message: string | RawJson, bytes: number): boolean {
  if (typeof message !== 'string' || message.length > bytes) return message.length > bytes
  return message.length * 3 > bytes && new TextEncoder().encode(message).length > bytes
}

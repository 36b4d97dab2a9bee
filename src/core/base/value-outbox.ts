/** Sends values to a client in this program: copies, so that neither side can change what the other keeps. */
import { stringBytes } from '../../protocol/wire/string-bytes.ts'
import { BytesResult, base64Length } from './json-fragments.ts'
import type { Outbox } from './outbox.ts'
import type { ServerMessage, ValueTransport } from './transport.ts'

/** A message, and the length in bytes that its JSON text would have. */
type SizedMessage = { message: ServerMessage; bytes: number }

/** Bytes of JSON text around a result, an error or the params of a notification. */
const ENVELOPE_BYTES = 64

/** Sends values. */
export function valueOutbox(transport: ValueTransport): Outbox<SizedMessage> {
  const send = ({ message, bytes }: SizedMessage): void => transport.sendValue(message, bytes)
  return {
    queued: () => transport.queued(),
    notify: (notice) => {
      const copier = new Copier({ ownsBytes: false, isWellFormed: true })
      const params = copier.copy(notice.params())
      send({ message: { method: notice.method, params }, bytes: copier.bytes + ENVELOPE_BYTES })
    },
    result: (id, result) => {
      const hasBytes = result instanceof BytesResult
      const copier = new Copier({ ownsBytes: hasBytes && result.isLastUse, isWellFormed: false })
      const copy = copier.copy(hasBytes ? result.values() : result)
      return { message: { id: Number(id), result: copy }, bytes: copier.bytes + `{"id":${id},"result":}`.length }
    },
    resultSteps: () => undefined,
    error: (id, code, text) => ({
      message: { id: Number(id), error: { code, message: text.toWellFormed() } },
      bytes: stringBytes(text) + ENVELOPE_BYTES,
    }),
    exceeds: ({ bytes }, atMost) => bytes > atMost,
    send,
    discard: () => {},
  }
}

/** Copies values as JSON would, and measures the text that they would have. */
class Copier {
  bytes = 0
  readonly #options: { ownsBytes: boolean; isWellFormed: boolean }

  /** `ownsBytes`: bytes are passed on, not copied. `isWellFormed`: lone surrogates become U+FFFD, as in notifications. */
  constructor(options: { ownsBytes: boolean; isWellFormed: boolean }) {
    this.#options = options
  }

  copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        this.bytes += stringBytes(value)
        return this.#options.isWellFormed ? value.toWellFormed() : value
      case 'boolean':
        this.bytes += value ? 4 : 5
        return value
      case 'number':
        if (!Number.isFinite(value)) break
        this.bytes += String(value).length
        return value + 0
      case 'bigint':
        throw new TypeError('a bigint is no JSON')
      case 'object':
        if (value === null) break
        if (value instanceof Uint8Array) return this.#bytes(value)
        return Array.isArray(value) ? this.#array(value) : this.#object(value)
    }
    this.bytes += 4
    return null
  }

  #bytes(bytes: Uint8Array): Uint8Array {
    this.bytes += base64Length(bytes.length) + 2
    // No subclass, and no view of memory that holds other data, too.
    const isWhole = bytes.constructor === Uint8Array && bytes.length === bytes.buffer.byteLength
    return this.#options.ownsBytes && isWhole ? bytes : new Uint8Array(bytes)
  }

  #array(items: readonly unknown[]): unknown[] {
    this.bytes += Math.max(2, items.length + 1)
    return items.map((item) => this.copy(item))
  }

  #object(from: object): object {
    const entries = Object.entries(from).filter(([, value]) => value !== undefined && typeof value !== 'function')
    this.bytes += Math.max(2, entries.length * 2 + 1)
    return Object.fromEntries(
      entries.map(([name, value]) => {
        this.bytes += stringBytes(name)
        return [name, this.copy(value)]
      }),
    )
  }
}

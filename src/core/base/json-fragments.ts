/**
 * Builds messages that carry bytes by concatenating JSON text around their base64, not by serializing objects: base64
 * needs no escaping, and all output takes this path.
 */
import { encodeNotification, encodeResult } from '../../protocol/wire/envelope.ts'
import type { IdText } from '../../protocol/wire/envelope.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { asciiJson } from '../../protocol/wire/string-bytes.ts'
import type { BytesOrBase64 } from '../../protocol/schemas/runs.ts'
import { release } from './bytes.ts'
import type { HttpResponse } from './host.ts'
import type { Chunk } from './chunk.ts'
import { WRITTEN_AT_ONCE_BYTES } from './limits.ts'

/**
 * A message, or the result of a request, as JSON text in ASCII-only parts, so that its length in bytes is known. A body of bytes
 * stands for their base64, which the transport encodes when it sends; one of many parts is not joined.
 */
export class RawJson {
  readonly head: string
  readonly body: string | readonly string[] | Uint8Array
  readonly tail: string
  /** Whether the bytes may be freed once they are written. */
  readonly isLastUse: boolean
  constructor(head: string, body: RawJson['body'], tail: string, isLastUse = false) {
    this.head = head
    this.body = body
    this.tail = tail
    this.isLastUse = isLastUse
  }

  /** Length in bytes. */
  get length(): number {
    return this.head.length + bodyLength(this.body) + this.tail.length
  }

  /** The complete JSON text. */
  get text(): string {
    const { body } = this
    return this.head + (body instanceof Uint8Array ? body.toBase64() : textsOf(body).join('')) + this.tail
  }

  /** Frees the bytes, if they may be freed: the message has been written, or will not be. */
  discard(): void {
    if (this.isLastUse && this.body instanceof Uint8Array) release(this.body)
  }

  /** Wraps this result in the response to request `id`. */
  asResult(id: IdText): RawJson {
    return new RawJson(`{"id":${asciiJson(id)},"result":${this.head}`, this.body, `${this.tail}}`, this.isLastUse)
  }
}

/**
 * A notification, for both kinds of clients: JSON text, and values for a client in this program. Neither is kept, and both are
 * written down or copied when they are sent: the memory of bytes is used again.
 */
export type Notice = {
  readonly method: string
  /** The params, with bytes in place of base64. */
  params(): object
  json(): RawJson | string
}

/** A notification without bytes. Lone surrogates become U+FFFD. */
export const notice = (method: string, params: object): Notice => ({
  method,
  params: () => params,
  json: () =>
    encodeNotification(
      method,
      JSON.stringify(params, (_, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)),
    ),
})

/** A result with bytes. It becomes JSON text, or values for a client in this program, when it is sent. */
export class BytesResult {
  readonly #json: () => RawJson | string
  /** The result, with bytes in place of base64. */
  readonly values: () => object
  /** Whether the bytes belong to the receiver. */
  readonly isLastUse: boolean
  constructor(json: () => RawJson | string, values: () => object, isLastUse = false) {
    this.#json = json
    this.values = values
    this.isLastUse = isLastUse
  }

  /** The complete JSON text. */
  get text(): string {
    const json = this.#json()
    return typeof json === 'string' ? json : json.text
  }

  /** The response to request `id` as JSON text. */
  asResult(id: IdText): RawJson | string {
    const json = this.#json()
    return typeof json === 'string' ? encodeResult(id, json) : json.asResult(id)
  }
}

/** Makes a result with bytes at any place: `build` gets the function to encode them with. */
export const resultWithBytes = (build: (encode: (bytes: Uint8Array) => BytesOrBase64) => object): BytesResult =>
  new BytesResult(
    () => JSON.stringify(build((bytes) => bytes.toBase64())),
    () => build((bytes) => bytes),
  )

/** The result of a request. */
export type Result = BytesResult | object

/** The texts that a body of text consists of. */
export const textsOf = (body: string | readonly string[]): readonly string[] =>
  typeof body === 'string' ? [body] : body

function bodyLength(body: RawJson['body']): number {
  if (body instanceof Uint8Array) return base64Length(body.length)
  return textsOf(body).reduce((sum, { length }) => sum + length, 0)
}

/** Length of the base64 of so many bytes. */
export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4

/** A chunk of output. A class, since there are many: the methods are shared. */
class OutputNotice implements Notice {
  readonly method = Method.ProcessOutput
  readonly #processId: string
  readonly #head: string
  readonly #chunk: Chunk
  constructor(processId: string, head: string, chunk: Chunk) {
    this.#processId = processId
    this.#head = head
    this.#chunk = chunk
  }

  params(): object {
    const { seq, stream, bytes } = this.#chunk
    return { processId: this.#processId, seq, stream, chunk: bytes }
  }

  json(): RawJson {
    const { seq, stream, bytes } = this.#chunk
    const text = (body: Uint8Array): RawJson =>
      new RawJson(`${this.#head}${seq},"stream":"${stream}","chunk":"`, body, '"}}')
    const message = text(bytes)
    // With a very long process id it is sent later, when the chunk may have been dropped.
    return message.length <= WRITTEN_AT_ONCE_BYTES ? message : text(new Uint8Array(bytes))
  }
}

/** Makes the notifications of one process. */
export function processNotices(processId: string) {
  const outputHead = `{"method":"${Method.ProcessOutput}","params":{"processId":${asciiJson(JSON.stringify(processId))},"seq":`
  return {
    output: (chunk: Chunk): Notice => new OutputNotice(processId, outputHead, chunk),
    exited: (seq: number, exitCode: number, sandboxDenied: boolean): Notice =>
      notice(Method.ProcessExited, { processId, seq, exitCode, sandboxDenied }),
    closed: (seq: number): Notice => notice(Method.ProcessClosed, { processId, seq }),
  }
}

/** The fields of a process/read result besides its chunks. */
export type ReadState = {
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
  sandboxDenied: boolean
  /** Output before the first chunk that is no longer retained; undefined if nothing is missing. */
  dropped?: { readonly evictedBytes: number; readonly evictedChunks: number } | undefined
}

/** Encodes the result of process/read. */
export function readResult(chunks: readonly Chunk[], state: ReadState): BytesResult {
  const { dropped, ...rest } = state
  return new BytesResult(
    () => readText(chunks, state),
    () => ({
      chunks: chunks.map(({ seq, stream, bytes }) => ({ seq, stream, chunk: bytes })),
      ...rest,
      failure: null,
      ...(dropped === undefined ? {} : { droppedBytes: dropped.evictedBytes, droppedChunks: dropped.evictedChunks }),
    }),
  )
}

function readText(chunks: readonly Chunk[], state: ReadState): RawJson {
  const body = chunks
    .map(({ seq, stream, bytes }) => `{"seq":${seq},"stream":"${stream}","chunk":"${bytes.toBase64()}"}`)
    .join(',')
  const { nextSeq, exited, exitCode, closed, sandboxDenied, dropped } = state
  const missing =
    dropped === undefined ? '' : `,"droppedBytes":${dropped.evictedBytes},"droppedChunks":${dropped.evictedChunks}`
  const tail = `],"nextSeq":${nextSeq},"exited":${exited},"exitCode":${exitCode},"closed":${closed},"failure":null,"sandboxDenied":${sandboxDenied}${missing}}`
  return new RawJson('{"chunks":[', body, tail)
}

/** Makes the notifications of one stream of bytes. `id` is the value of the member `idName`. */
function deltaNotices(method: string, idName: string, id: string) {
  const head = `{"method":"${method}","params":{"${idName}":${asciiJson(JSON.stringify(id))},"seq":`
  return {
    delta: (seq: number, bytes: Uint8Array): Notice => ({
      method,
      params: () => ({ [idName]: id, seq, deltaBase64: bytes, done: false, error: null }),
      json: () => new RawJson(`${head}${seq},"deltaBase64":"`, bytes, '","done":false,"error":null}}'),
    }),

    /** The final notification. */
    end: (seq: number, error: string | undefined): Notice => ({
      method,
      params: () => ({ [idName]: id, seq, deltaBase64: new Uint8Array(), done: true, error: error ?? null }),
      json: () =>
        new RawJson(
          `${head}${seq},"deltaBase64":"`,
          '',
          `","done":true,"error":${asciiJson(JSON.stringify(error ?? null))}}}`,
        ),
    }),
  }
}

/** Makes the notifications of one streamed HTTP body. */
export const bodyNotices = (requestId: string) => deltaNotices(Method.HttpBodyDelta, 'requestId', requestId)

/** Makes the notifications of what arrives on one network connection. */
export const netNotices = (connectionId: string) => deltaNotices(Method.NetData, 'connectionId', connectionId)

/** Encodes the result of http/request. The body may be freed once it is sent. */
export function responseResult(
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  body: Uint8Array | undefined,
): BytesResult {
  const head = (): string => `{"status":${status},"headers":${asciiJson(JSON.stringify(headers))},"bodyBase64":"`
  return new BytesResult(
    () => new RawJson(head(), body ?? '', '"}', true),
    () => ({ status, headers, bodyBase64: body ?? new Uint8Array() }),
    true,
  )
}

/** Encodes the result of fs/readBlock. The bytes may be freed once they are sent. */
export const blockResult = (bytes: Uint8Array, eof: boolean): BytesResult =>
  new BytesResult(
    () => new RawJson('{"chunk":"', bytes, `","eof":${eof}}`, true),
    () => ({ chunk: bytes, eof }),
    true,
  )

/** Encodes the result of fs/readFile. The bytes may be freed once they are sent. */
export const fileResult = (bytes: Uint8Array): BytesResult =>
  new BytesResult(
    () => new RawJson('{"dataBase64":"', bytes, '"}', true),
    () => ({ dataBase64: bytes }),
    true,
  )

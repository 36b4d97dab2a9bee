/**
 * Messages that carry bytes are written by joining text around their base64, never by serialising an
 * object: base64 needs no escaping, and this is the path that every byte of output takes.
 */
import { encodeNotification } from '../../protocol/wire/envelope.ts'
import type { IdText } from '../../protocol/wire/envelope.ts'
import { Method } from '../../protocol/wire/methods.ts'
import type { HttpResponse } from './host.ts'
import type { Chunk } from './chunk.ts'

/**
 * A message, or the result of a request, in parts that are all ASCII, so that its length in bytes is known. A body of
 * bytes stands for their base64, which is made where it is sent from.
 */
export class RawJson {
  readonly head: string
  readonly body: string | Uint8Array
  readonly tail: string
  /** Nobody will look at the bytes once they are written. */
  readonly isLastUse: boolean
  constructor(head: string, body: string | Uint8Array, tail: string, isLastUse = false) {
    this.head = head
    this.body = body
    this.tail = tail
    this.isLastUse = isLastUse
  }

  get length(): number {
    const { body } = this
    return this.head.length + (typeof body === 'string' ? body.length : base64Length(body.length)) + this.tail.length
  }

  get text(): string {
    return this.head + (typeof this.body === 'string' ? this.body : this.body.toBase64()) + this.tail
  }

  asResult(id: IdText): RawJson {
    return new RawJson(`{"id":${asciiJson(id)},"result":${this.head}`, this.body, `${this.tail}}`, this.isLastUse)
  }
}

/** The result of a request: a plain object, or parts that are JSON text already. */
export type Result = RawJson | object

/** Characters of the base64 of so many bytes. */
export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4

/** Escapes what is not ASCII in JSON text. */
function asciiJson(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Writes the notifications and read answers of one process. */
export function processFrames(processId: string) {
  const id = asciiJson(JSON.stringify(processId))
  const outputHead = `{"method":"${Method.ProcessOutput}","params":{"processId":${id},"seq":`
  return {
    output: ({ seq, stream, bytes }: Chunk): RawJson =>
      new RawJson(`${outputHead}${seq},"stream":"${stream}","chunk":"`, bytes, '"}}'),

    exited: (seq: number, exitCode: number, sandboxDenied: boolean): string =>
      encodeNotification(
        Method.ProcessExited,
        `{"processId":${id},"seq":${seq},"exitCode":${exitCode},"sandboxDenied":${sandboxDenied}}`,
      ),

    closed: (seq: number): string => encodeNotification(Method.ProcessClosed, `{"processId":${id},"seq":${seq}}`),
  }
}

export type ReadState = {
  nextSeq: number
  exited: boolean
  exitCode: number | null
  closed: boolean
  sandboxDenied: boolean
}

/** The result of process/read. */
export function readResult(chunks: readonly Chunk[], state: ReadState): RawJson {
  const body = chunks
    .map(({ seq, stream, bytes }) => `{"seq":${seq},"stream":"${stream}","chunk":"${bytes.toBase64()}"}`)
    .join(',')
  const { nextSeq, exited, exitCode, closed, sandboxDenied } = state
  const tail = `],"nextSeq":${nextSeq},"exited":${exited},"exitCode":${exitCode},"closed":${closed},"failure":null,"sandboxDenied":${sandboxDenied}}`
  return new RawJson('{"chunks":[', body, tail)
}

/** Writes the notifications of one streamed HTTP body. */
export function bodyFrames(requestId: string) {
  const head = `{"method":"${Method.HttpBodyDelta}","params":{"requestId":${asciiJson(JSON.stringify(requestId))},"seq":`
  return {
    delta: (seq: number, bytes: Uint8Array): RawJson =>
      new RawJson(`${head}${seq},"deltaBase64":"`, bytes, '","done":false,"error":null}}'),

    /** The last one. */
    end: (seq: number, error: string | undefined): RawJson =>
      new RawJson(
        `${head}${seq},"deltaBase64":"`,
        '',
        `","done":true,"error":${asciiJson(JSON.stringify(error ?? null))}}}`,
      ),
  }
}

/** The result of http/request. */
export function responseResult(
  { status, headers }: Pick<HttpResponse, 'status' | 'headers'>,
  body: Uint8Array | undefined,
): RawJson {
  return new RawJson(
    `{"status":${status},"headers":${asciiJson(JSON.stringify(headers))},"bodyBase64":"`,
    body ?? '',
    '"}',
    true,
  )
}

/** The result of fs/readBlock. The bytes are used up. */
export const blockResult = (bytes: Uint8Array, eof: boolean): RawJson =>
  new RawJson('{"chunk":"', bytes, `","eof":${eof}}`, true)

/** The result of fs/readFile. The bytes are used up. */
export const fileResult = (bytes: Uint8Array): RawJson => new RawJson('{"dataBase64":"', bytes, '"}', true)

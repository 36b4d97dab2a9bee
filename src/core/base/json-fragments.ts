/**
 * Builds messages that carry bytes by concatenating JSON text around their base64, not by serializing objects: base64
 * needs no escaping, and all output takes this path.
 */
import { encodeNotification } from '../../protocol/wire/envelope.ts'
import type { IdText } from '../../protocol/wire/envelope.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { release } from './bytes.ts'
import type { HttpResponse } from './host.ts'
import type { Chunk } from './chunk.ts'

/**
 * A message, or the result of a request, in ASCII-only parts, so that its length in bytes is known. A body of bytes
 * stands for their base64, which the transport encodes when it sends.
 */
export class RawJson {
  readonly head: string
  readonly body: string | Uint8Array
  readonly tail: string
  /** Whether the bytes may be freed once they are written. */
  readonly isLastUse: boolean
  constructor(head: string, body: string | Uint8Array, tail: string, isLastUse = false) {
    this.head = head
    this.body = body
    this.tail = tail
    this.isLastUse = isLastUse
  }

  /** Length in bytes. */
  get length(): number {
    const { body } = this
    return this.head.length + (typeof body === 'string' ? body.length : base64Length(body.length)) + this.tail.length
  }

  /** The complete JSON text. */
  get text(): string {
    return this.head + (typeof this.body === 'string' ? this.body : this.body.toBase64()) + this.tail
  }

  /** Frees the bytes, if they may be freed: the message has been written, or will not be. */
  discard(): void {
    if (this.isLastUse && typeof this.body !== 'string') release(this.body)
  }

  /** Wraps this result in the response to request `id`. */
  asResult(id: IdText): RawJson {
    return new RawJson(`{"id":${asciiJson(id)},"result":${this.head}`, this.body, `${this.tail}}`, this.isLastUse)
  }
}

/** The result of a request: a plain object, or JSON text. */
export type Result = RawJson | object

/** Length of the base64 of so many bytes. */
export const base64Length = (bytes: number): number => Math.ceil(bytes / 3) * 4

/** Escapes all non-ASCII characters of JSON text. */
function asciiJson(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Encodes the notifications of one process. */
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
export function readResult(chunks: readonly Chunk[], state: ReadState): RawJson {
  const body = chunks
    .map(({ seq, stream, bytes }) => `{"seq":${seq},"stream":"${stream}","chunk":"${bytes.toBase64()}"}`)
    .join(',')
  const { nextSeq, exited, exitCode, closed, sandboxDenied, dropped } = state
  const missing =
    dropped === undefined ? '' : `,"droppedBytes":${dropped.evictedBytes},"droppedChunks":${dropped.evictedChunks}`
  const tail = `],"nextSeq":${nextSeq},"exited":${exited},"exitCode":${exitCode},"closed":${closed},"failure":null,"sandboxDenied":${sandboxDenied}${missing}}`
  return new RawJson('{"chunks":[', body, tail)
}

/** Encodes the notifications of one streamed HTTP body. */
export function bodyFrames(requestId: string) {
  const head = `{"method":"${Method.HttpBodyDelta}","params":{"requestId":${asciiJson(JSON.stringify(requestId))},"seq":`
  return {
    delta: (seq: number, bytes: Uint8Array): RawJson =>
      new RawJson(`${head}${seq},"deltaBase64":"`, bytes, '","done":false,"error":null}}'),

    /** The final notification. */
    end: (seq: number, error: string | undefined): RawJson =>
      new RawJson(
        `${head}${seq},"deltaBase64":"`,
        '',
        `","done":true,"error":${asciiJson(JSON.stringify(error ?? null))}}}`,
      ),
  }
}

/** Encodes the result of http/request. The body may be freed once it is sent. */
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

/** Encodes the result of fs/readBlock. The bytes may be freed once they are sent. */
export const blockResult = (bytes: Uint8Array, eof: boolean): RawJson =>
  new RawJson('{"chunk":"', bytes, `","eof":${eof}}`, true)

/** Encodes the result of fs/readFile. The bytes may be freed once they are sent. */
export const fileResult = (bytes: Uint8Array): RawJson => new RawJson('{"dataBase64":"', bytes, '"}', true)

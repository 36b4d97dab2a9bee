/** What a client sends: as JSON text, or as values to a server in this program. */

/** Params with one member of bytes, which is base64 in JSON text. */
export class ParamsWithBytes {
  readonly params: object
  readonly name: string
  readonly bytes: Uint8Array
  /** The bytes must not change until the call has been sent. `params` has at least one member. */
  constructor(params: object, name: string, bytes: Uint8Array) {
    this.params = params
    this.name = name
    this.bytes = bytes
  }

  /** As JSON text. Base64 needs no escapes. */
  get text(): string {
    return `${JSON.stringify(this.params).slice(0, -1)},"${this.name}":"${this.bytes.toBase64()}"}`
  }

  /** As a value. */
  get value(): object {
    return { ...this.params, [this.name]: this.bytes }
  }
}

/** A request, a notification, or the answer to a request of the server. */
export type ClientMessage =
  | { id?: number; method: string; params: object | ParamsWithBytes | null }
  | { id: unknown; error: { code: number; message: string } }

/** The message as JSON text. */
export function textOf(message: ClientMessage): string {
  if (!('method' in message)) return JSON.stringify(message)
  const { id, method, params } = message
  const text = params instanceof ParamsWithBytes ? params.text : JSON.stringify(params)
  return `{${id === undefined ? '' : `"id":${id},`}"method":"${method}","params":${text}}`
}

/** The message as a value. */
export const valueOf = (message: ClientMessage): object =>
  'method' in message && message.params instanceof ParamsWithBytes
    ? { ...message, params: message.params.value }
    : message

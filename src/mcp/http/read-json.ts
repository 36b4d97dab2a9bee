/** Reads the JSON body of a request within bounds. */
import { MAX_HTTP_MESSAGE, MAX_HTTP_VALUES } from '../limits.ts'

/** The parsed body. */
export type JsonBody = { value: unknown }

/** Why a body is not read. */
export type BodyRefusal = { status: 400 | 413; refusal: string }

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads the body. Parsing JSON stops all other clients, so what it may cost is checked before. */
export async function readJson(request: Request): Promise<JsonBody | BodyRefusal> {
  const bytes = await readBytes(request)
  if (bytes === undefined) return { status: 413, refusal: `a message may have ${MAX_HTTP_MESSAGE} bytes` }
  if (hasMoreValues(bytes, MAX_HTTP_VALUES))
    return { status: 413, refusal: `a message may have ${MAX_HTTP_VALUES} values` }
  try {
    return { value: JSON.parse(utf8.decode(bytes)) as unknown }
  } catch (error) {
    return { status: 400, refusal: `the body is no JSON: ${(error as Error).message.slice(0, 200)}` }
  }
}

/** The whole body; undefined if it is too long. */
async function readBytes(request: Request): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of request.body ?? []) {
    length += piece.length
    if (length > MAX_HTTP_MESSAGE) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces, length)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SEPARATORS = new Set([0x2c, 0x3a, 0x5b, 0x7b])

/** Whether there are more than `most` of `,`, `:`, `[` and `{` outside of strings. */
export function hasMoreValues(bytes: Uint8Array, most: number): boolean {
  let count = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === QUOTE) at = endOfString(bytes, at)
    else if (SEPARATORS.has(byte) && ++count > most) return true
  }
  return false
}

/** The index of the quote that ends the string which begins at `start`, or the length. */
function endOfString(bytes: Uint8Array, start: number): number {
  for (let end = bytes.indexOf(QUOTE, start + 1); end >= 0; end = bytes.indexOf(QUOTE, end + 1)) {
    let escapes = 0
    while (bytes[end - 1 - escapes] === BACKSLASH) escapes++
    if (escapes % 2 === 0) return end
  }
  return bytes.length
}

/** Responses as the core reads them: readable headers, and the decoded body piece by piece. */
import type { ClientRequest, IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream'
import type { Transform } from 'node:stream'
import type { HttpResponse } from '../../core/base/host.ts'
import { noteBytes } from '../memory-pressure.ts'
import type { AcceptedCodings } from './content-coding.ts'

/**
 * Wraps a response. `failure` returns the error so far, if any: the runtime accepts any close as the end of a body
 * without a length. `codings` are released at the end of the body.
 */
export function httpResponse(
  response: IncomingMessage,
  sent: ClientRequest,
  codings: AcceptedCodings,
  failure: () => Error | undefined,
): HttpResponse {
  const encoding = readableHeaders(response.rawHeaders).filter(({ name }) => name === 'content-encoding')
  const decoder = codings.decoder(encoding.map(({ value }) => value).join(','))
  if (decoder === undefined) codings.release()
  // Also destroys each of the two with the other. Failures reach the reader of the decoder.
  else pipeline(response, decoder, codings.release)
  const body = decoder ?? response
  const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  return {
    status: response.statusCode ?? 0,
    headers: readableHeaders(response.rawHeaders).filter(
      ({ name }) => decoder === undefined || (name !== 'content-encoding' && name !== 'content-length'),
    ),
    read: async () => {
      const next = await pieces.next().catch((error: unknown) => {
        const reason = failure()
        if (reason === undefined && decoder !== undefined && isEmpty(decoder, error)) return END
        throw reason ?? error
      })
      if (next.done !== true) {
        noteBytes(next.value.length)
        return next.value
      }
      const broken = failure()
      if (broken !== undefined) throw broken
      return undefined
    },
    cancel: () => void sent.destroy(),
  }
}

const END: IteratorResult<Uint8Array> = { done: true, value: undefined }

/** An empty body is valid in any coding: responses to HEAD, for one, have the headers of a body. */
const isEmpty = (decoder: Transform & { bytesWritten?: number }, error: unknown): boolean =>
  decoder.bytesWritten === 0 && (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR'

/** Converts raw headers. Values that are not plain ASCII are left out, as clients cannot decode them. */
function readableHeaders(raw: readonly string[]): { name: string; value: string }[] {
  const headers = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [raw[at] as string, raw[at + 1] as string]
    if (/^[\t\x20-\x7e]*$/.test(value)) headers.push({ name: name.toLowerCase(), value })
  }
  return headers
}

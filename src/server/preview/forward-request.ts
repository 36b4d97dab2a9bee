/** Passes an HTTP request on to the program behind a preview, and its answer back, at the pace of both ends. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Refusal } from '../http/host-check.ts'
import { refuseRequest } from '../http/refuse.ts'
import { askProgram } from './ask-program.ts'
import type { PreviewBounds } from './ask-program.ts'
import { notAnswered, tooLate } from './failure.ts'
import type { Place } from './place.ts'
import { bodyFraming, requestHeaders } from './request-headers.ts'
import { responseHeaders } from './response-headers.ts'

/** Methods whose requests have no body unless they say so. */
const WITHOUT_BODY = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE']

const NOTHING = Buffer.alloc(0)

/** Returns at once. The connection to the program ends with the response, however that ends. */
export function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { place, socket, bounds }: { place: Place; socket: Socket; bounds: PreviewBounds },
): void {
  const { port } = place
  const method = request.method ?? 'GET'
  const framing = bodyFraming(request.headers)
  const empty = framing.length === 0 && !WITHOUT_BODY.includes(method) ? ['Content-Length', '0'] : framing
  const headers = [...requestHeaders(request.rawHeaders, place), ...empty, 'Connection', 'close']
  const question = askProgram(socket, place, { method, headers }, bounds)

  const fail = (refusal: Refusal): void => {
    if (!response.headersSent) refuseRequest(response, refusal)
    // What has been sent is incomplete: the browser must notice.
    else if (!response.writableEnded) response.destroy()
    socket.destroy()
  }
  const timer = setTimeout(() => fail(tooLate(port, bounds.responseMs)), bounds.responseMs)
  response.once('close', () => {
    clearTimeout(timer)
    socket.destroy()
  })
  question.on('error', (error) => fail(notAnswered(port, error)))
  // A program that switches protocols unasked speaks none that is understood here.
  question.on('upgrade', () => fail(notAnswered(port, undefined)))
  question.on('response', (answer) => {
    clearTimeout(timer)
    answer.on('error', (error) => fail(notAnswered(port, error)))
    try {
      response.writeHead(answer.statusCode ?? 0, answer.statusMessage, responseHeaders(answer.rawHeaders, place))
    } catch (error) {
      return fail(notAnswered(port, error))
    }
    // Event streams begin without a body. Not flushHeaders, which encodes the head as UTF-8.
    response.write(NOTHING)
    answer.pipe(response)
  })
  request.pipe(question)
}

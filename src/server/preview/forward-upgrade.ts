/** Passes a WebSocket on to the program behind a preview: its handshake, and then every byte both ways. */
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream'
import { joinStreams } from '../http/join-streams.ts'
import type { Refusal } from '../http/host-check.ts'
import { refuseUpgrade } from '../http/refuse.ts'
import { askProgram } from './ask-program.ts'
import type { PreviewBounds } from './ask-program.ts'
import { notAnswered, tooLate } from './failure.ts'
import type { Place } from './place.ts'
import { eachHeader } from './raw-headers.ts'
import { requestHeaders } from './request-headers.ts'
import { responseHeaders } from './response-headers.ts'

/** `head` is what the browser has sent behind its request. Returns at once; both sockets end together. */
export function forwardUpgrade(
  request: IncomingMessage,
  { client, head }: { client: Duplex; head: Buffer },
  { place, socket, bounds }: { place: Place; socket: Socket; bounds: PreviewBounds },
): void {
  const { port } = place
  const headers = [...requestHeaders(request.rawHeaders, place), 'Connection', 'Upgrade', 'Upgrade', 'websocket']
  const question = askProgram(socket, place, { method: 'GET', headers }, bounds)
  let isAnswered = false

  const fail = (refusal: Refusal): void => {
    if (!isAnswered) refuseUpgrade(client, request, refusal)
    isAnswered = true
    socket.destroy()
  }
  const timer = setTimeout(() => fail(tooLate(port, bounds.responseMs)), bounds.responseMs)
  client.once('close', () => {
    clearTimeout(timer)
    socket.destroy()
  })
  question.on('error', (error) => fail(notAnswered(port, error)))
  question.on('upgrade', (answer, upgraded, first) => {
    clearTimeout(timer)
    isAnswered = true
    client.write(responseHead(answer, place, ['Connection', 'Upgrade', 'Upgrade', 'websocket']))
    if (first.length > 0) client.write(first)
    if (head.length > 0) upgraded.write(head)
    joinStreams(client, upgraded)
  })
  question.on('response', (answer) => {
    clearTimeout(timer)
    isAnswered = true
    client.write(responseHead(answer, place, ['Connection', 'close']))
    pipeline(answer, client, () => {})
  })
  question.end()
}

/** The head of an answer. Its body, if any, ends with the connection. */
function responseHead(answer: IncomingMessage, place: Place, own: readonly string[]): Buffer {
  const { statusCode = 502, statusMessage = STATUS_CODES[statusCode] ?? '' } = answer
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (const [name, value] of eachHeader([...responseHeaders(answer.rawHeaders, place), ...own]))
    lines.push(`${name}: ${value}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

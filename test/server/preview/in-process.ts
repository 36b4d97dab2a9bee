/** A server with previews in this process, and programs behind it. */
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { connect, createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { allowAll } from '../../../src/server/auth/authenticator.ts'
import { anyPeer } from '../../../src/server/auth/peer-check.ts'
import { hostCheck } from '../../../src/server/http/host-check.ts'
import { defaultServerLimits } from '../../../src/server/limits.ts'
import type { ServerLimits } from '../../../src/server/limits.ts'
import { createPreview } from '../../../src/server/preview/preview.ts'
import { PreviewTraffic } from '../../../src/server/telemetry/preview-traffic.ts'
import { atEnd } from '../../support/scope.ts'

export async function portOf(server: Server | NetServer, address = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  atEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export const program = (listener: RequestListener): Promise<number> => portOf(createServer(listener))
export const rawProgram = (use: (socket: Socket) => void): Promise<number> => portOf(createNetServer(use))

export type Options = {
  limits?: Partial<ServerLimits>
  allows?: (address: string) => boolean
  traffic?: PreviewTraffic
}

/** A server with previews, and nothing behind them. */
export async function serve({
  limits,
  allows = () => true,
  traffic = new PreviewTraffic(),
}: Options = {}): Promise<number> {
  const preview = createPreview({
    limits: { ...defaultServerLimits, ...limits },
    allows,
    traffic,
    hosts: [],
    authenticator: allowAll,
    checkPeer: anyPeer,
    checkHost: hostCheck([]),
    onRefused: () => {},
    onLong: () => {},
  })
  const server = createServer((request, response) => {
    if (!preview.request(request, response)) response.end('the server itself')
  })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => {})
    if (!preview.upgrade(request, socket, head)) socket.end('HTTP/1.1 418 \r\n\r\n')
  })
  atEnd(() => preview.close())
  return portOf(server)
}

export type Answer = { status: number; text: string; headers: IncomingMessage['headers'] }

export function get(port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, headers, method, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
      answer.on('error', reject)
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers }))
    })
    request.on('error', reject)
    request.end()
  })
}

/** Opens the preview as a browser does. Returns what its requests need. */
export async function open(server: number, port: number): Promise<{ host: string; cookie: string }> {
  const { headers } = await get(server, `/port/${port}/`)
  const url = new URL(headers.location ?? '', 'http://x')
  const opened = await get(server, url.pathname, { host: url.host })
  assert.is(opened.headers.location, `//${url.host}/`)
  return { host: url.host, cookie: String(opened.headers['set-cookie']).split(';')[0] as string }
}

/** What the bytes are answered with, until the server ends the connection. */
export function send(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}

export async function seen(port: number, options: Options = {}): Promise<Answer> {
  const server = await serve(options)
  return get(server, '/', await open(server, port))
}

/** What a browser does with a preview, without one: it opens it, and keeps its cookie. */
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions, RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { atEnd } from '../../support/scope.ts'
import { startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'

/** Starts a server with previews, which ends with the test. */
export async function servePreviews(...options: string[]): Promise<RunningServer> {
  const server = await startServer(['--preview', ...options])
  atEnd(async () => void (await server.stop()))
  return server
}

/** A program on the devbox, which ends with the test, its connections with it. */
export async function listenOn(server: Server, address = '127.0.0.1'): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  atEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

export const startProgram = (listener: RequestListener): Promise<number> => listenOn(createServer(listener))

/** The server's port, and the path of its URL. */
export function partsOf({ url }: Pick<RunningServer, 'url'>): { port: number; path: string } {
  const { port, pathname } = new URL(url)
  return { port: Number(port), path: pathname.replace(/\/$/, '') }
}

export type Headers = Record<string, string>

/** The answer's head. */
export function ask(port: number, options: RequestOptions, body?: string | Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', agent: false, ...options }, resolve)
    request.on('error', reject)
    request.end(body)
  })
}

export async function textOf(answer: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString()
}

export type OpenPreview = {
  /** The server's port, at which the preview is. */
  port: number
  /** Those that a request of the preview has. */
  headers: { host: string; cookie: string }
}

/** Enters and opens the preview of a program. */
export async function openPreview(server: RunningServer, program: number): Promise<OpenPreview> {
  const { port, path } = partsOf(server)
  const entered = await ask(port, { path: `${path}/port/${program}/` })
  assert.is(entered.statusCode, 303)
  const { host, pathname } = new URL(entered.headers.location ?? '', 'http://x')
  const opened = await ask(port, { path: pathname, headers: { host } })
  assert.is(opened.statusCode, 303)
  return { port, headers: { host, cookie: String(opened.headers['set-cookie']).split(';')[0] as string } }
}

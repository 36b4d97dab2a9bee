/** What http/request is pointed at. */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { sleep } from '../../support/server.ts'

export type Web = {
  url: string
  /** The same on another port, which makes it another origin. */
  otherUrl: string
  /** Where nobody listens. */
  closedUrl: string
  close(): void
}

type Answering = (response: ServerResponse, query: URLSearchParams, request: IncomingMessage, body: Buffer) => unknown

const [gzip, zstd] = [gzipSync('unzipped'), zstdCompressSync('unzipped')]

const ENCODED: Record<string, Buffer> = {
  empty: Buffer.of(),
  plain: Buffer.from('as it is'),
  gzip,
  zstd,
  br: brotliCompressSync('unzipped'),
  'gzip, twice': gzipSync(gzip),
  'gzip, cut': gzip.subarray(0, -5),
  'zstd, cut': zstd.subarray(0, -2),
  'gzip, padded': Buffer.concat([gzip, Buffer.alloc(8)]),
  'gzip and more': Buffer.concat([gzip, Buffer.from('more')]),
  'zstd and more': Buffer.concat([zstd, Buffer.from('more')]),
  'two of gzip': Buffer.concat([gzip, gzip]),
  'two of zstd': Buffer.concat([zstd, zstd]),
  /** Magic number, no flags, a window of 2 ** (10 + 14) bytes, one uncompressed block of 8 bytes. */
  'zstd of a large window': Buffer.concat([Buffer.from('28b52ffd0070410000', 'hex'), Buffer.from('unzipped')]),
}

const pages: Record<string, Answering> = {
  /** Tells what arrived; in no fixed length, which would differ with it. */
  echo: (response, _, request, body) => {
    // By name, each with its values in their order: the order of names means nothing.
    const headers: Record<string, string[]> = {}
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const [name = '', value = ''] = request.rawHeaders.slice(at, at + 2)
      headers[name] = [...(headers[name] ?? []), value]
    }
    response.setHeader('content-type', 'application/json')
    response.write(JSON.stringify({ method: request.method, url: request.url, headers, body: body.toString('latin1') }))
    response.end()
  },
  status: (response, query) => {
    response.statusCode = Number(query.get('code'))
    response.end(query.get('body') ?? '')
  },
  reason: (response) => response.writeHead(200, 'Own Words').end('reason'),
  redirect: (response, query) => {
    response.writeHead(Number(query.get('status') ?? 302), { location: query.get('to') ?? '' })
    response.end('redirected')
  },
  'redirect-without-location': (response) => response.writeHead(302).end('nowhere'),
  /** So many redirects and then the echo. */
  hops: (response, query) => {
    const left = Number(query.get('left'))
    response.writeHead(302, { location: left > 1 ? `/hops?left=${left - 1}` : '/echo' }).end()
  },
  wait: async (response, query) => {
    await sleep(Number(query.get('ms')))
    response.end('waited')
  },
  drip: async (response, query) => {
    for (let piece = 0; piece < Number(query.get('pieces')); piece++) {
      response.write(`piece ${piece}\n`)
      await sleep(Number(query.get('ms')))
    }
    response.end()
  },
  /** Begins a body and says no more. */
  stall: (response) => response.write('begun'),
  truncated: (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('short')
    setTimeout(() => response.destroy(), 50)
  },
  cut: (response) => {
    response.write('cut')
    setTimeout(() => response.destroy(), 50)
  },
  encoded: (response, query) => {
    const status = Number(query.get('status') ?? 200)
    const body = ENCODED[query.get('body') ?? 'gzip'] ?? Buffer.of()
    response.writeHead(status, [
      ...['content-length', String(body.length)],
      ...query.getAll('coding').flatMap((coding) => ['content-encoding', coding]),
    ])
    response.end(body)
  },
  headers: (response) => {
    response.setHeader('set-cookie', ['a=1; Path=/', 'b=2'])
    response.setHeader('X-Mixed-Case', 'Value')
    response.setHeader('x-empty', '')
    response.setHeader('x-latin', 'caf\xe9')
    response.setHeader('x-tab', 'a\tb')
    response.setHeader('x-list', ['one', 'two'])
    response.end('headers')
  },
  big: (response, query) => response.end('0123456789abcdef'.repeat(Number(query.get('bytes')) / 16)),
  binary: (response) => response.end(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))),
  reset: (response) => response.socket?.destroy(),
  /** Bytes as they are given, and the end of the connection. */
  raw: (response, query) => response.socket?.end(Buffer.from(query.get('bytes') ?? '', 'latin1')),
  garbage: (response) => response.socket?.end('this is not HTTP\r\n\r\n'),
  hints: (response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' })
    response.end('after hints')
  },
  trailers: (response) => {
    response.writeHead(200, { trailer: 'x-trailer' }).write('body')
    response.addTrailers({ 'x-trailer': 'late' })
    response.end()
  },
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://fixture')
  const body = Buffer.concat(await request.toArray())
  response.sendDate = false
  const page = pages[url.pathname.slice(1)]
  if (page === undefined) response.writeHead(404).end('no such page')
  else await page(response, url.searchParams, request, body)
}

async function serve(): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  server.unref()
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

export async function startWeb(): Promise<Web> {
  const [main, other, closed] = await Promise.all([serve(), serve(), serve()])
  closed.server.close()
  const close = (): void => {
    for (const { server } of [main, other]) {
      server.closeAllConnections()
      server.close()
    }
  }
  return { url: main.url, otherUrl: other.url, closedUrl: closed.url, close }
}

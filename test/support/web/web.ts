/** Local web servers and proxies on raw sockets, so that a test sees and controls every byte. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createServer as createTlsServer } from 'node:tls'
import { authority, certificate } from './certificate.ts'
import { atEnd } from '../scope.ts'

/** A request as received. */
export type Asked = {
  method: string
  target: string
  /** Header lines in order, unmodified, decoded as latin1. */
  lines: [name: string, value: string][]
  body: Buffer
  socket: Socket
}

/** The first value of a request header. `name` is lower case. */
export const valueOf = ({ lines }: Asked, name: string): string | undefined =>
  lines.find(([each]) => each.toLowerCase() === name)?.[1]

function splitLine(line: string): [name: string, value: string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
}

/** Writes the response, or part of it. The connection stays open for the next request unless it is ended. */
export type Serve = (asked: Asked, socket: Socket) => void

/** A local web server that records requests. */
export class Web {
  readonly asked: Asked[] = []
  readonly sockets = new Set<Socket>()
  /** Total number of connections accepted. */
  connections = 0
  /** Number of those that are closed. */
  closed = 0
  serve: Serve
  readonly #server: Server
  readonly isSecure: boolean

  private constructor(serve: Serve, secure: boolean) {
    this.serve = serve
    this.isSecure = secure
    this.#server = secure
      ? createTlsServer(certificate, (socket) => this.#receive(socket))
      : createTcpServer((socket) => this.#receive(socket))
    // The client reports failed handshakes.
    this.#server.on('tlsClientError', () => {})
    this.#server.on('connection', (socket: Socket) => {
      this.connections++
      this.sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.closed++
        this.sockets.delete(socket)
      })
    })
  }

  static async start(serve: Serve, { secure = false, address = '127.0.0.1' } = {}): Promise<Web> {
    const web = new Web(serve, secure)
    await new Promise<void>((resolve, reject) => {
      web.#server.once('error', reject)
      web.#server.listen(0, address, resolve)
    })
    web.#server.once(
      'close',
      atEnd(() => web.stop()),
    )
    return web
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The URL of a path on this server, with any host name. */
  url(path = '/', host = '127.0.0.1'): string {
    return `${this.isSecure ? 'https' : 'http'}://${host}:${this.port}${path}`
  }

  /** Bytes written to the open sockets, including bytes not yet accepted by the kernel. */
  get written(): number {
    return [...this.sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0)
  }

  get last(): Asked {
    const asked = this.asked.at(-1)
    if (asked === undefined) throw new Error('nothing was asked')
    return asked
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  #receive(socket: Socket): void {
    let held = Buffer.alloc(0)
    /** Data received after it; concatenated once the request can be complete. */
    let pieces: Buffer[] = []
    let missing = 0
    socket.on('error', () => {})
    const read = (bytes: Buffer): void => {
      pieces.push(bytes)
      missing -= bytes.length
      if (missing > 0) return
      held = Buffer.concat([held, ...pieces])
      pieces = []
      for (;;) {
        const end = held.indexOf('\r\n\r\n')
        if (end < 0) return
        const [first, ...rest] = held.subarray(0, end).toString('latin1').split('\r\n') as [string, ...string[]]
        const lines = rest.map(splitLine)
        const length = Number(lines.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0)
        missing = end + 4 + length - held.length
        if (missing > 0) return
        const [method, target] = first.split(' ') as [string, string]
        const asked = { method, target, lines, body: held.subarray(end + 4, end + 4 + length), socket }
        held = held.subarray(end + 4 + length)
        this.asked.push(asked)
        if (method === 'CONNECT') socket.off('data', read)
        this.serve(asked, socket)
        if (method === 'CONNECT') return
      }
    }
    socket.on('data', read)
  }
}

/** The head of a response, without the body. */
export function head(status: number, headers: readonly (readonly [string, string | number])[] = []): string {
  return `HTTP/1.1 ${status} x\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** A complete response. */
export function reply(
  body: string | Buffer = '',
  headers: readonly (readonly [string, string | number])[] = [],
  status = 200,
): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([Buffer.from(head(status, [...headers, ['content-length', bytes.length]]), 'latin1'), bytes])
}

/** A redirect response. */
export const redirect = (location: string, status = 302): Buffer => reply('moved', [['location', location]], status)

/** Starts a proxy. It answers absolute-form requests itself; all CONNECT tunnels lead to the local `port`. */
export function startProxy(
  port: number,
  serve: Serve = (_, socket) => socket.write(reply('by proxy')),
  secure = false,
): Promise<Web> {
  return Web.start(
    (asked, socket) => {
      if (asked.method !== 'CONNECT') return serve(asked, socket)
      const onward = connect(port, '127.0.0.1')
      onward.once('connect', () => {
        socket.write(head(200))
        onward.pipe(socket).pipe(onward)
      })
      onward.on('error', () => socket.destroy())
      onward.on('close', () => socket.destroy())
      socket.on('close', () => onward.destroy())
    },
    { secure },
  )
}

/** Writes `total` bytes of a pattern with backpressure, then ends. The returned function gives the bytes written. */
export function pour(socket: Socket, total: number, block: Buffer): () => number {
  let written = 0
  const on = (): void => {
    while (written < total && !socket.destroyed) {
      const piece = block.subarray(0, Math.min(block.length, total - written))
      written += piece.length
      if (!socket.write(piece)) return void socket.once('drain', on)
    }
  }
  on()
  return () => written
}

/** The environment without variables that affect proxies or trusted certificates, plus `more`. */
export function plainEnvironment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const names =
    /^((https?|all|no)_proxy|REQUEST_METHOD|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|CODEX_CA_CERTIFICATE|DENO_CERT|DENO_TLS_CA_STORE)$/i
  // Disable Deno's update check, which would also use the proxy.
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.test(name))),
    DENO_NO_UPDATE_CHECK: '1',
    ...more,
  }
}

/** The path of a file with the CA certificate. */
export function authorityFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'authority-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'authority.pem')
  writeFileSync(path, authority)
  return path
}

/** A WebSocket client on a raw socket, so that a test can stop at any byte and disconnect in two ways. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { UPGRADE_REQUEST } from '../web/raw-http.ts'

/** A complete WebSocket upgrade request. */
export const UPGRADE = [...UPGRADE_REQUEST, '', ''].join('\r\n')

const OPCODE_TEXT = 1

/** A client frame. The mask is zero, so the payload is sent as it is. */
export function frame(payload: string | Buffer, { opcode = OPCODE_TEXT, fin = true } = {}): Buffer {
  const bytes = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | opcode
  const masked = 0x80
  let head: Buffer
  if (bytes.length < 126) head = Buffer.from([first, masked | bytes.length])
  else if (bytes.length < 65_536) head = Buffer.from([first, masked | 126, bytes.length >> 8, bytes.length & 255])
  else {
    head = Buffer.alloc(10)
    head[0] = first
    head[1] = masked | 127
    head.writeBigUInt64BE(BigInt(bytes.length), 2)
  }
  return Buffer.concat([head, Buffer.alloc(4), bytes])
}

/** A WebSocket client on a raw socket. */
export class RawClient {
  readonly socket: Socket
  /** Everything received. */
  text = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => (this.text += bytes.toString('latin1')))
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const client = new RawClient(socket)
    await once(socket, 'connect')
    return client
  }

  /** Writes, and waits until the kernel has accepted it. */
  write(bytes: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()))
  }

  /** Sends messages, one per frame. */
  send(...messages: object[]): Promise<void> {
    return this.write(Buffer.concat(messages.map((message) => frame(JSON.stringify(message)))))
  }

  async until(pattern: RegExp, ms = 30_000): Promise<RegExpExecArray> {
    const deadline = Date.now() + ms
    for (;;) {
      const found = pattern.exec(this.text)
      if (found !== null) return found
      if (Date.now() > deadline) throw new Error(`${pattern} did not come within ${ms} ms: ${this.text.slice(0, 300)}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  /** Completes the upgrade and the handshake; resolves with the session id. */
  async begin(): Promise<string> {
    await this.write(UPGRADE)
    await this.until(/^HTTP\/1\.1 101 .*\r\n\r\n/s)
    await this.send({ id: 1, method: 'initialize', params: { clientName: 'raw' } })
    const [, sessionId] = await this.until(/"sessionId":"([^"]+)"/)
    await this.send({ method: 'initialized' })
    return sessionId as string
  }

  /** Disconnects without a close frame. `end`: FIN after all written data. `reset`: RST, unread data is discarded. */
  async vanish(manner: Manner): Promise<void> {
    const closed = new Promise((resolve) => this.socket.once('close', resolve))
    if (manner === 'reset') this.socket.resetAndDestroy()
    else this.socket.destroy()
    await closed
  }
}

/** The ways to disconnect, see {@link RawClient.vanish}. */
export const MANNERS = ['end', 'reset'] as const
export type Manner = (typeof MANNERS)[number]

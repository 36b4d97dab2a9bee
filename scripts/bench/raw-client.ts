/**
 * A WebSocket client that does as little as can be, so that a server and not the client is measured: it
 * reads into one buffer, looks at the beginning of each message, and passes over the rest by counting.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** Shorter messages are handed out whole, unless they are output. */
const SMALL = 4096
/** What is handed out of the others: enough to tell what they are. */
const HEAD = 64
const OUTPUT = '{"method":"process/output"'

const Opcode = { Text: 1, Close: 8, Ping: 9, Pong: 10 } as const

/** Any key is as good as another; one that is all zeros would save the server its work. */
const MASK = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3])

export const READ_BYTES = 1024 * 1024

export class RawClient {
  /** Called for every message, with its text if that is short, else with the beginning of it. */
  onMessage: (text: string, length: number) => void = () => {}
  onEnd: (reason: string) => void = () => {}
  readonly #socket: Socket
  readonly #buffer: Buffer
  /** Bytes at the front of the buffer that wait for more. */
  #kept = 0
  #onOpen: ((status: string) => void) | undefined
  /** Bytes of the current frame that are still to be passed over. */
  #skip = 0
  #final = false
  /** The message under way, which may come in several frames. */
  #text: string | undefined
  #length = 0

  private constructor(port: number, readBytes: number) {
    this.#buffer = Buffer.allocUnsafeSlow(readBytes)
    const buffer = (): Buffer => this.#buffer.subarray(this.#kept)
    const callback = (count: number): boolean => {
      this.#take(count)
      return true
    }
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, onread: { buffer, callback } })
    this.#socket.on('error', (error) => this.onEnd(error.message))
    this.#socket.on('close', () => this.onEnd('the connection was closed'))
  }

  static async connect(url: string, readBytes = READ_BYTES): Promise<RawClient> {
    const { port, host } = new URL(url)
    const client = new RawClient(Number(port), readBytes)
    const status = await new Promise<string>((resolve, reject) => {
      client.#onOpen = resolve
      client.onEnd = (reason) => reject(new Error(reason))
      client.#socket.write(
        `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n',
      )
    })
    if (!status.startsWith('HTTP/1.1 101')) throw new Error(`no WebSocket at ${url}: ${status}`)
    return client
  }

  send(frame: Buffer): void {
    this.#socket.write(frame)
  }

  async close(): Promise<void> {
    this.onEnd = () => {}
    if (this.#socket.destroyed) return
    this.#socket.destroy()
    await once(this.#socket, 'close')
  }

  #take(count: number): void {
    const end = this.#kept + count
    let at = 0
    if (this.#onOpen !== undefined) {
      at = this.#takeHandshake(end)
      if (at === 0) return void (this.#kept = end)
    }
    at = this.#takeFrames(at, end)
    this.#kept = end - at
    if (at > 0 && this.#kept > 0) this.#buffer.copyWithin(0, at, end)
  }

  #takeHandshake(end: number): number {
    const head = this.#buffer.toString('latin1', 0, end)
    const headEnd = head.indexOf('\r\n\r\n')
    if (headEnd === -1) return 0
    this.#onOpen?.(head.slice(0, head.indexOf('\r\n')))
    this.#onOpen = undefined
    return headEnd + 4
  }

  /** Takes what is there of frames, and returns where it stopped for want of more. */
  #takeFrames(start: number, end: number): number {
    const buffer = this.#buffer
    let at = start
    for (;;) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, end - at)
        at += passed
        this.#skip -= passed
        if (this.#skip > 0) return at
        if (this.#final) this.#finish()
      }
      if (end - at < 2) return at
      const first = buffer[at] as number
      const short = (buffer[at + 1] as number) & 0x7f
      const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10
      if (end - at < headerBytes) return at
      const length =
        short < 126 ? short : short === 126 ? buffer.readUInt16BE(at + 2) : Number(buffer.readBigUInt64BE(at + 2))
      const wanted = length <= SMALL ? length : HEAD
      if (end - at < headerBytes + wanted) return at
      at += headerBytes
      const opcode = first & 0x0f
      if (opcode >= Opcode.Close) this.#control(opcode, buffer.subarray(at, at + length))
      else this.#data((first & 0x80) !== 0, at, length, wanted)
      at += wanted
    }
  }

  #data(final: boolean, at: number, length: number, wanted: number): void {
    this.#text ??= this.#beginning(at, length)
    this.#length += length
    this.#final = final
    this.#skip = length - wanted
    if (final && this.#skip === 0) this.#finish()
  }

  #beginning(at: number, length: number): string {
    const head = this.#buffer.toString('latin1', at, at + Math.min(HEAD, length))
    return length > SMALL || length <= HEAD || head.startsWith(OUTPUT)
      ? head
      : this.#buffer.toString('latin1', at, at + length)
  }

  #finish(): void {
    const [text, length] = [this.#text ?? '', this.#length]
    this.#text = undefined
    this.#length = 0
    this.onMessage(text, length)
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.Ping) this.#socket.write(clientFrame(Buffer.from(payload), Opcode.Pong))
    if (opcode === Opcode.Close) this.onEnd(`closed by the server: ${payload.toString('latin1', 2)}`)
  }
}

/** A whole message as a frame, masked as those of clients must be. */
export function clientFrame(payload: string | Buffer, opcode: number = Opcode.Text): Buffer {
  const length = Buffer.byteLength(payload)
  const headerBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headerBytes + 4 + length)
  frame[0] = 0x80 | opcode
  frame[1] = 0x80 | (headerBytes === 2 ? length : headerBytes === 4 ? 126 : 127)
  if (headerBytes === 4) frame.writeUInt16BE(length, 2)
  if (headerBytes === 10) frame.writeBigUInt64BE(BigInt(length), 2)
  frame.set(MASK, headerBytes)
  const at = headerBytes + 4
  if (typeof payload === 'string') frame.write(payload, at)
  else frame.set(payload, at)
  for (let index = 0; index < length; index++)
    frame[at + index] = (frame[at + index] as number) ^ (MASK[index & 3] as number)
  return frame
}

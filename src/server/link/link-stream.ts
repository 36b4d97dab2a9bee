/**
 * A link as a byte stream: what is written becomes binary messages of its WebSocket. On it a client speaks HTTP with the
 * server, as on an accepted socket.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { clearInterval, clearTimeout, setInterval, setTimeout } from 'node:timers'
import type { RawData, WebSocket } from 'ws'
import { LinkClose } from './handshake.ts'
import type { LinkLimits } from './link-limits.ts'

/** The close code of an end that has sent everything. */
const NORMAL_CLOSURE = 1000

type Callback = (error?: Error | null) => void

/** Events besides those of a stream: `used` when the first byte arrives, `alive` with whatever arrives. */
export class LinkStream extends Duplex {
  /** The socket that carries the WebSocket. */
  readonly carrier: Socket
  readonly #websocket: WebSocket
  readonly #limits: LinkLimits
  readonly #heartbeat: NodeJS.Timeout
  #isUsed = false
  #silent = 0
  #bytesHeard: number
  #heardAt = performance.now()

  /** `websocket` is open and proven: its messages are the bytes of the stream from now on. */
  constructor(websocket: WebSocket, carrier: Socket, limits: LinkLimits) {
    super()
    this.#websocket = websocket
    this.#limits = limits
    this.carrier = carrier
    this.#bytesHeard = carrier.bytesRead
    websocket.on('message', (data, isBinary) => this.#receive(data, isBinary))
    websocket.on('ping', () => this.#alive())
    websocket.on('pong', () => this.#alive())
    websocket.on('error', (error) => this.destroy(error))
    websocket.once('close', (code) => {
      clearInterval(this.#heartbeat)
      // An unused link has no reader: its end would never be seen.
      if (code === NORMAL_CLOSURE && this.#isUsed) this.push(null)
      else this.destroy()
    })
    // Its end is what counts; the reason is kept in `errored`.
    this.on('error', () => {})
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeatMs)
  }

  /** Address and port of the other end. */
  get remoteAddress(): string | undefined {
    return this.carrier.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.carrier.remotePort
  }

  /** Whether a byte has arrived, or was sent: `used` may have been emitted before anybody listened. */
  get isUsed(): boolean {
    return this.#isUsed
  }

  /** Whether something has arrived in the last `ms` milliseconds. */
  isFresh(ms: number): boolean {
    return performance.now() - this.#heardAt < ms
  }

  /** Asks for a sign of life, which is reported as `alive`. */
  ping(): void {
    if (this.#websocket.readyState === this.#websocket.OPEN) this.#websocket.ping()
  }

  /** Closes it with a code for the other end: it is not used. */
  dismiss(code: number, reason: string): void {
    this.#websocket.close(code, reason)
  }

  /** As a socket's: destroys it once everything is sent. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  override _read(): void {
    this.#websocket.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Callback): void {
    const { linkChunkBytes } = this.#limits
    this.#isUsed = true
    for (let at = 0; at < chunk.length; at += linkChunkBytes) {
      const isLast = at + linkChunkBytes >= chunk.length
      this.#websocket.send(chunk.subarray(at, at + linkChunkBytes), { binary: true }, isLast ? done : undefined)
    }
    if (chunk.length === 0) done()
  }

  override _writev(parts: { chunk: Buffer }[], done: Callback): void {
    const chunks = parts.map(({ chunk }) => chunk)
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    // Headers and small frames share a message; a copy of large ones would cost more than it saves.
    if (length <= this.#limits.linkChunkBytes) return this._write(Buffer.concat(chunks, length), 'binary', done)
    chunks.forEach((chunk, at) => this._write(chunk, 'binary', at === chunks.length - 1 ? done : () => {}))
  }

  override _final(done: Callback): void {
    if (this.#websocket.readyState === this.#websocket.CLOSED) return done()
    const timer = setTimeout(() => this.#websocket.terminate(), this.#limits.linkCloseMs)
    this.#websocket.once('close', () => {
      clearTimeout(timer)
      done()
    })
    this.#websocket.close(NORMAL_CLOSURE)
  }

  override _destroy(error: Error | null, done: Callback): void {
    clearInterval(this.#heartbeat)
    this.#websocket.terminate()
    done(error)
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (!isBinary || !Buffer.isBuffer(data)) return this.dismiss(LinkClose.BadMessage, 'a link carries bytes')
    this.#alive()
    if (!this.#isUsed) {
      this.#isUsed = true
      this.emit('used')
    }
    if (!this.push(data)) this.#websocket.pause()
  }

  #alive(): void {
    this.#heardAt = performance.now()
    this.emit('alive')
  }

  /**
   * Pings, and gives up an end that has been silent for too long. While this end does not read, nothing is heard, and so
   * nothing follows from it. A ping behind what the other end does not take would only add to it.
   */
  #beat(): void {
    const { bytesRead } = this.carrier
    this.#silent = this.#websocket.isPaused || bytesRead > this.#bytesHeard ? 0 : this.#silent + 1
    this.#bytesHeard = bytesRead
    if (this.#silent >= this.#limits.missedHeartbeats) this.destroy(new Error('the other end has fallen silent'))
    else if (this.#websocket.bufferedAmount === 0) this.ping()
  }
}

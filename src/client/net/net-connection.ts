/** One network connection of the devbox as a pair of streams. */
import { Method } from '../../protocol/wire/methods.ts'
import type { NetAddress, WriteWindow as GivenWindow } from '../../protocol/schemas/net.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { RemoteConnection } from '../base/net-types.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import type { ReceivedStream } from '../streams/received-stream.ts'
import { ParamsWithBytes } from '../transports/client-message.ts'
import { WriteWindow } from './write-window.ts'

/** Dependencies of a {@link NetConnection}. */
export type NetConnectionOptions = {
  id: string
  rpc: RpcClient
  limits: ClientLimits
  /** What the peer sends. */
  received: ReceivedStream
  /** Called once, when it is over. */
  onOver: () => void
}

/** An open connection, or one that is being opened: until `opened`, nothing may be written. */
export class NetConnection implements RemoteConnection {
  readonly id: string
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly writable: WritableStream<Uint8Array>
  remote: NetAddress | undefined
  readonly closed: Promise<Error | undefined>
  readonly #options: NetConnectionOptions
  /** The connection to the server that carries it. */
  readonly #carrier: number
  readonly #settle: (error: Error | undefined) => void
  #window: WriteWindow | undefined
  #writer: WritableStreamDefaultController | undefined
  #isOver = false

  constructor(options: NetConnectionOptions) {
    const { id, rpc, received } = options
    this.id = id
    this.#options = options
    this.#carrier = rpc.connection
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    this.closed = promise
    this.#settle = resolve
    // Nothing can tell the peer that its data is not wanted, but the end of the connection.
    received.onCancel = () => this.#giveUp(new Error('reading was canceled'))
    this.readable = received.stream()
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => void (this.#writer = controller),
      write: (chunk) => this.#write(chunk),
      close: () => this.#call(Method.NetEnd, {}),
      abort: (reason) => this.#giveUp(reason),
    })
  }

  /** Bytes that the server may send ahead. */
  get receiveWindow(): number | undefined {
    return this.#options.received.window
  }

  /** The server has opened it. */
  opened({ remote, ...window }: GivenWindow & { remote: NetAddress | null }): void {
    this.remote = remote ?? undefined
    this.#window = new WriteWindow(window)
  }

  /** The peer has taken the writes up to this one. */
  written(seq: number): void {
    this.#window?.taken(seq)
  }

  /** It is over: closed by both sides, or broken off with `error`. */
  over(error: Error | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    const reason = error ?? new Error('the connection is closed')
    this.#window?.fail(reason)
    // No effect on a stream that has ended by itself.
    this.#writer?.error(reason)
    this.#options.received.end(error)
    this.#options.onOver()
    this.#settle(error)
  }

  async close(): Promise<void> {
    this.#giveUp(new Error('the connection was closed'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #write(chunk: Uint8Array): Promise<void> {
    const window = this.#window
    if (window === undefined) throw new Error('the connection is not open')
    const most = Math.min(this.#options.limits.writeChunk, window.maxBytes)
    for (let at = 0; at < chunk.length; at += most) {
      const part = chunk.slice(at, at + most)
      await window.reserve(part.length)
      // Not awaited: the window bounds what is under way. An error ends the connection, which fails later writes.
      this.#call(Method.NetWrite, new ParamsWithBytes({ connectionId: this.id }, 'chunk', part)).catch((error) =>
        this.#giveUp(error),
      )
    }
  }

  async #call(method: string, params: object | ParamsWithBytes): Promise<void> {
    const all = params instanceof ParamsWithBytes ? params : { connectionId: this.id, ...params }
    await this.#options.rpc.call(method, all, { connection: this.#carrier })
  }

  /** Ends both directions at once, here and on the devbox. */
  #giveUp(reason: unknown): void {
    if (this.#isOver) return
    const { rpc, received } = this.#options
    rpc.call(Method.NetClose, { connectionId: this.id }, { urgent: true, connection: this.#carrier }).catch(() => {})
    const error = reason instanceof Error ? reason : new Error('the connection was given up', { cause: reason })
    received.abort(error)
    this.over(error)
  }
}

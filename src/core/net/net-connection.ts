/**
 * One network connection of a client: what arrives is streamed to it as net/data, with back-pressure; what it writes
 * goes to the peer, within the window that it was given.
 */
import { internalError, invalidRequest, messageOf } from '../../protocol/wire/errors.ts'
import type { RpcError } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { release } from '../base/bytes.ts'
import { FlowWindow } from '../base/flow-window.ts'
import { netNotices, notice } from '../base/json-fragments.ts'
import type { Notice } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'
import type { Totals } from '../base/observer.ts'
import type { EventSource } from '../base/outbound-scheduler.ts'
import { streamBytes } from '../streams/byte-stream.ts'
import type { ByteStream } from '../streams/byte-stream.ts'
import type { NetSocket } from './net-host.ts'

/** Dependencies of a {@link NetConnection}. */
export type NetConnectionOptions = {
  id: string
  socket: NetSocket
  /** Bytes that may be unacknowledged by the client. */
  window: number
  /** Bytes that the client may write ahead of the peer. */
  writeWindow: number
  limits: Limits
  totals: Pick<Totals, 'netReceived' | 'netSent'>
  scheduler: { eventsReady(source: EventSource): void }
  /** A notification to send before all others. */
  announcement?: Notice
  /** Called once, when the last notification is sent or the connection was given up. */
  onOver: () => void
}

/** An open connection. */
export class NetConnection {
  readonly #options: NetConnectionOptions
  readonly #abort = new AbortController()
  readonly #stream: ByteStream
  /** Writes that the peer has not taken. */
  readonly #unwritten: FlowWindow
  /** Writes taken by the peer, and how many of them the client knows of; likewise bytes. */
  #written = 0
  #reported = 0
  #unreportedBytes = 0
  #isOver = false
  /** Why the connection ended, once its socket is closed. */
  #closed: { error: Error | undefined } | undefined
  #hasSentAll = false

  constructor(options: NetConnectionOptions) {
    this.#options = options
    const { id, socket, window, writeWindow, limits, totals, scheduler, announcement } = options
    this.#unwritten = new FlowWindow(writeWindow, limits.netUnacknowledged)
    if (announcement !== undefined) this.#send(announcement)
    const { delta, end } = netNotices(id)
    this.#stream = streamBytes(
      {
        read: () => socket.read(),
        delta,
        end: (seq, error) => end(seq, error === undefined ? undefined : messageOf(error)),
        onRead: (bytes) => void (totals.netReceived += bytes),
        onEnd: () => {
          this.#hasSentAll = true
          this.#finish()
        },
      },
      {
        window,
        maxUnacknowledged: limits.netUnacknowledged,
        maxDelta: limits.netDelta,
        signal: this.#abort.signal,
        scheduler,
      },
    )
    void socket.closed.then((error) => {
      this.#closed = { error }
      this.#finish()
    })
  }

  /**
   * Writes to the peer.
   * @throws -32600 if the client does not keep within its window: the connection is given up then
   */
  write(bytes: Uint8Array): void {
    if (this.#isOver || this.#closed !== undefined) return
    const { socket, totals, writeWindow } = this.#options
    this.#unwritten.charge(bytes.length)
    if (this.#unwritten.isFull()) {
      this.fail(internalError('more was written than the window allows'))
      throw invalidRequest(`net/write: at most ${writeWindow} bytes may be under way, and the connection is closed`)
    }
    socket.write(bytes, () => {
      totals.netSent += bytes.length
      this.#taken(bytes.length)
      release(bytes)
    })
  }

  #taken(bytes: number): void {
    this.#unwritten.acknowledge(bytes)
    this.#written++
    this.#unreportedBytes += bytes
    const { writeWindow, limits } = this.#options
    const isDue =
      this.#unreportedBytes >= writeWindow / 4 || this.#written - this.#reported >= limits.netUnacknowledged / 8
    if (isDue) this.#options.scheduler.eventsReady(this.#progress)
  }

  /** Reports how much the peer has taken. What is not sent at once is joined. */
  readonly #progress: EventSource = {
    takeEvent: () => {
      if (this.#isOver || this.#reported === this.#written) return undefined
      this.#reported = this.#written
      this.#unreportedBytes = 0
      return notice(Method.NetWritten, { connectionId: this.#options.id, seq: this.#written })
    },
  }

  acknowledge(seq: number): void {
    this.#stream.acknowledge(seq)
  }

  /** The client will write no more. */
  end(): void {
    this.#options.socket.end()
  }

  /** Gives the connection up, and says why in its last notification. */
  fail(error: RpcError): void {
    this.#closed ??= { error }
    this.#options.socket.close()
    this.#stream.stop()
    this.#hasSentAll = true
    this.#finish()
  }

  /** Gives the connection up without a further notification. */
  close(): void {
    this.#options.socket.close()
    this.#over()
  }

  /** Sends the last notification, once the socket is closed and all that arrived is sent. */
  #finish(): void {
    if (this.#isOver || this.#closed === undefined) return
    // The socket is closed, so the client need not hold anything back.
    this.#abort.abort()
    if (!this.#hasSentAll) return
    const { error } = this.#closed
    const { id } = this.#options
    const last = notice(Method.NetClosed, { connectionId: id, error: error === undefined ? null : messageOf(error) })
    this.#send(last, () => this.#over())
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream.stop()
    this.#options.onOver()
  }

  /** Sends one notification in its turn, behind what is ready before. */
  #send(event: Notice, onSent: () => void = () => {}): void {
    let next: Notice | undefined = event
    this.#options.scheduler.eventsReady({
      takeEvent: () => {
        const taken = this.#isOver ? undefined : next
        if (taken !== undefined) onSent()
        next = undefined
        return taken
      },
    })
  }
}

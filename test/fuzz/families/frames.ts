/** Frames over a bare TCP socket. What must come of them is told by a model of RFC 6455, byte by byte. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { UPGRADE_REQUEST } from '../../support/web/raw-http.ts'
import { Failure } from '../failure.ts'
import type { Batch, Family, Input, Subject } from '../family.ts'
import { FrameModel, MESSAGE_BYTES, serverFrames } from '../frame-model.ts'
import type { FrameEvent } from '../frame-model.ts'
import { frame, frames } from '../generate/frames.ts'
import { FIRST_MESSAGE_BYTES, Ledger } from '../ledger.ts'
import { networkSubject } from '../network-subject.ts'
import type { Place } from '../place.ts'
import { waitFor } from '../subject.ts'

const MASK = Uint8Array.of(1, 2, 3, 4)
const text = (message: object): Uint8Array =>
  frame({ opcode: 1, mask: MASK }, new TextEncoder().encode(JSON.stringify(message)))

const UPGRADE = Buffer.from([...UPGRADE_REQUEST, '', ''].join('\r\n'))
/** RFC 6455's own example. */
const ACCEPT = /^HTTP\/1\.1 101 [\s\S]*sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i

const HANDSHAKE = [
  text({ id: 'handshake', method: 'initialize', params: { clientName: 'fuzz' } }),
  text({ method: 'initialized', params: {} }),
]
const LAST_WORD = text({ id: 'last word', method: 'environment/status' })

const CloseCode = { Normal: 1000, ProtocolError: 1002, TooBig: 1009 } as const

/** Bytes in one write: all of them, or a few. */
const PACKETS = [Infinity, Infinity, Infinity, 7, 64, 1000, 4096, Infinity, 1]

/**
 * The server's WebSocket library cuts off, without a word, whoever has more than 60 pings unanswered; those that come
 * in one packet all are. So many are sent before their pongs are waited for.
 */
const PINGS_AT_ONCE = 45

class RawConnection {
  readonly #socket: Socket
  readonly #ledger = new Ledger(false)
  readonly #model = new FrameModel(() => (this.#ledger.hasSession ? MESSAGE_BYTES : FIRST_MESSAGE_BYTES))
  readonly #pings: Buffer[] = []
  readonly #pongs: Buffer[] = []
  #held: Buffer = Buffer.alloc(0)
  #isUpgraded = false
  #fragments: Buffer[] = []
  #failure: Failure | undefined
  #isClosed = false
  #closeCode: number | undefined
  #wake: () => void = () => {}
  /** What ended it on our side. */
  #end: Exclude<FrameEvent, { kind: 'message' | 'ping' }> | undefined
  #isOffended = false

  constructor(socket: Socket) {
    this.#socket = socket
    this.#ledger.onProgress = () => this.#wake()
    socket.on('data', (bytes: Buffer) => this.#receive(bytes))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const connection = new RawConnection(socket)
    await once(socket, 'connect')
    return connection
  }

  /** Notes what bytes call for. Returns whether they end the connection. */
  plan(bytes: Uint8Array): boolean {
    for (const event of this.#model.take(bytes)) {
      if (event.kind === 'message') this.#isOffended = this.#ledger.sent(event.bytes)
      else if (event.kind === 'ping') this.#pings.push(Buffer.from(event.bytes))
      else this.#end = event
      if (this.#isOffended || this.#end !== undefined) return true
    }
    return false
  }

  get unanswered(): number {
    return this.#pings.length - this.#pongs.length
  }

  /** Waits for the pongs of what has been written. */
  async pongs(patienceMs: number): Promise<void> {
    await this.#until(
      () => this.#isClosed || this.unanswered <= 0,
      patienceMs,
      () => `${this.#pongs.length} of ${this.#pings.length} pongs`,
    )
  }

  write(bytes: Uint8Array, packet: number): void {
    // So many writes would take longer than they can show.
    const step = Math.max(packet, Math.ceil(bytes.length / 400))
    for (let at = 0; at < bytes.length; at += step)
      this.#socket.write(bytes.subarray(at, Math.min(at + step, bytes.length)))
  }

  #receive(bytes: Buffer): void {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    if (!this.#isUpgraded) {
      const end = this.#held.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#held.subarray(0, end + 4).toString('latin1')
      if (!ACCEPT.test(head)) this.#failure ??= new Failure(`no upgrade: ${head}`)
      this.#isUpgraded = true
      this.#held = this.#held.subarray(end + 4)
    }
    const cut = serverFrames(this.#held)
    if (cut === undefined)
      this.#failure ??= new Failure(`the server sent no frame: ${this.#held.subarray(0, 20).toString('hex')}`)
    else {
      this.#held = cut.rest
      for (const each of cut.frames) this.#take(each)
    }
    this.#wake()
  }

  #take({ fin, opcode, payload }: { fin: boolean; opcode: number; payload: Buffer }): void {
    if (this.#closeCode !== undefined) this.#failure ??= new Failure(`a frame (${opcode}) after the close frame`)
    if (opcode === 8) {
      this.#closeCode = payload.length === 0 ? CloseCode.Normal : payload.readUInt16BE(0)
      this.#socket.end(frame({ opcode: 8, mask: MASK }, payload))
    } else if (opcode === 10) this.#pongs.push(payload)
    else if (opcode < 3) {
      if (opcode === 2 || (opcode === 0) !== this.#fragments.length > 0)
        this.#failure ??= new Failure(`an unexpected frame: ${opcode}`)
      this.#fragments.push(payload)
      if (!fin) return
      this.#ledger.came(Buffer.concat(this.#fragments).toString())
      this.#fragments = []
    } else if (opcode !== 9) this.#failure ??= new Failure(`an unknown frame: ${opcode}`)
  }

  async #until(done: () => boolean, ms: number, what: () => string): Promise<void> {
    const failure = (): Failure | undefined => this.#failure ?? this.#ledger.failure
    await waitFor(
      () => failure() !== undefined || done(),
      ms,
      (wake) => (this.#wake = wake),
      what,
    )
    const found = failure()
    if (found !== undefined) throw found
  }

  /** Waits for all that is owed, and for the end if there is one to come. */
  async settle(patienceMs: number): Promise<void> {
    if (this.#end === undefined && !this.#isOffended) return this.#probe(patienceMs)
    if (this.#end?.kind === 'violation' && this.#end.tooBig) this.#ledger.expectMalformed()
    await this.#until(
      () => this.#isClosed,
      patienceMs,
      () => `the connection was not closed (unanswered: ${this.#ledger.unanswered})`,
    )
    // Whoever closes does not wait for answers.
    if (this.#end?.kind === 'close') return
    if (!this.#ledger.complete) throw new Failure(`closed without an answer to ${this.#ledger.unanswered}`)
    const due = this.#end?.kind === 'violation' && this.#end.tooBig ? CloseCode.TooBig : CloseCode.ProtocolError
    if (this.#closeCode !== due) throw new Failure(`closed with ${this.#closeCode}, not ${due}`)
    this.#checkPongs()
  }

  async #probe(patienceMs: number): Promise<void> {
    if (this.#model.isBetweenMessages) {
      this.plan(LAST_WORD)
      this.write(LAST_WORD, Infinity)
    }
    const done = (): boolean => this.#isClosed || (this.#ledger.complete && this.#pongs.length >= this.#pings.length)
    await this.#until(
      done,
      patienceMs,
      () => `no answer to ${this.#ledger.unanswered}, ${this.#pongs.length} of ${this.#pings.length} pongs`,
    )
    if (this.#isClosed) throw new Failure(`closed with ${this.#closeCode}`)
    this.#checkPongs()
    this.#socket.destroy()
  }

  #checkPongs(): void {
    this.#pings.forEach((ping, index) => {
      if (this.#pongs[index]?.equals(ping) !== true)
        throw new Failure(`ping ${index} (${ping.toString('hex')}) has the pong ${this.#pongs[index]?.toString('hex')}`)
    })
  }

  drop(): void {
    this.#socket.destroy()
  }
}

async function send(url: string, { inputs, mode }: Batch, patienceMs: number): Promise<void> {
  const packet = PACKETS[mode % PACKETS.length] as number
  for (let at = 0; at < inputs.length; ) {
    const connection = await RawConnection.open(Number(new URL(url).port))
    try {
      for (const piece of HANDSHAKE) connection.plan(piece)
      // The first frames may come with the upgrade.
      let pieces: Uint8Array[] = [UPGRADE, ...HANDSHAKE]
      for (let isOver = false; at < inputs.length && !isOver; at++) {
        const { bytes } = inputs[at] as Input
        isOver = connection.plan(bytes)
        pieces.push(bytes)
        if (isOver || connection.unanswered < PINGS_AT_ONCE) continue
        connection.write(Buffer.concat(pieces), packet)
        pieces = []
        await connection.pongs(patienceMs)
      }
      connection.write(Buffer.concat(pieces), packet)
      await connection.settle(patienceMs)
    } finally {
      connection.drop()
    }
  }
}

const open = (place: Place): Promise<Subject> =>
  networkSubject(place, send, { inputs: [{ bytes: LAST_WORD, binary: true }], mode: 0 })

export const framesFamily: Family = { name: 'frames', share: 20, batch: 300, input: () => frames, open }

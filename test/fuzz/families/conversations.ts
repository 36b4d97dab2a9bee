/** Messages over a real WebSocket: the envelope's family, and that of every method's params. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { Failure } from '../failure.ts'
import type { Batch, Family, Input, Subject } from '../family.ts'
import { envelopes, requests } from '../generate/messages.ts'
import { Ledger } from '../ledger.ts'
import { networkSubject } from '../network-subject.ts'
import type { Place } from '../place.ts'
import { waitFor } from '../subject.ts'

const PROTOCOL_ERROR = 1002
const TOO_BIG = 1009

const encode = (message: object): Input => ({ bytes: new TextEncoder().encode(JSON.stringify(message)), binary: false })

/** What the runner asks itself has ids of its own. */
const probe = (id: string, method: string, params: object | null = null): Input =>
  encode({ id: `the suite's ${id}`, method, params })

const HANDSHAKE = [
  probe('handshake', 'initialize', { clientName: 'fuzz' }),
  encode({ method: 'initialized', params: {} }),
]

/** One connection, and the account of it. */
class Conversation {
  readonly #socket: WebSocket
  readonly #ledger: Ledger
  #wake: () => void = () => {}
  #closeCode: number | undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.#ledger = new Ledger(false)
    this.#ledger.onProgress = () => this.#wake()
    socket.on('message', (data: Buffer) => this.#ledger.came(data.toString()))
    socket.on('error', () => {})
    socket.on('close', (code) => {
      this.#closeCode = code
      this.#wake()
    })
  }

  static async open(url: string, patienceMs: number): Promise<Conversation> {
    const socket = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: patienceMs, maxPayload: 2 ** 30 })
    const conversation = new Conversation(socket)
    await Promise.race([once(socket, 'open'), once(socket, 'close')]).catch((error: Error) => {
      throw new Failure(`no connection: ${error.message}`)
    })
    if (socket.readyState !== socket.OPEN) throw new Failure('no connection')
    return conversation
  }

  /** Sends, and returns whether the connection must end by that. */
  send({ bytes, binary }: Input): boolean {
    this.#socket.send(bytes, { binary })
    return this.#ledger.sent(bytes)
  }

  async #until(done: () => boolean, patienceMs: number, what: () => string): Promise<void> {
    const isOver = (): boolean => this.#ledger.failure !== undefined || done()
    await waitFor(isOver, patienceMs, (wake) => (this.#wake = wake), what)
    if (this.#ledger.failure !== undefined) throw this.#ledger.failure
  }

  /** After an offence: everything accepted before it is answered, and then the close frame comes. */
  async ended(patienceMs: number): Promise<void> {
    await this.#until(
      () => this.#closeCode !== undefined,
      patienceMs,
      () => `the connection was not closed (unanswered: ${this.#ledger.unanswered})`,
    )
    if (!this.#ledger.complete) throw new Failure(`closed without an answer to ${this.#ledger.unanswered}`)
    if (this.#closeCode !== (this.#ledger.isTooBig ? TOO_BIG : PROTOCOL_ERROR))
      throw new Failure(`closed with ${this.#closeCode}`)
  }

  /** Ends what was started, waits for every answer, and asks for one more. */
  async finish(patienceMs: number, cut: boolean): Promise<void> {
    this.#ledger.started.forEach((processId, index) =>
      this.send(probe(`terminate ${index}`, 'process/terminate', { processId })),
    )
    await this.#settled(patienceMs)
    // An answer too many has been sent before the answer to this.
    this.send(probe('last word', 'environment/status'))
    await this.#settled(patienceMs)
    if (cut) this.#socket.terminate()
    else this.#socket.close()
    await this.#until(
      () => this.#closeCode !== undefined,
      patienceMs,
      () => 'our close was not answered',
    )
  }

  async #settled(patienceMs: number): Promise<void> {
    const done = (): boolean => this.#ledger.complete || this.#closeCode !== undefined
    await this.#until(done, patienceMs, () => `no answer to ${this.#ledger.unanswered}`)
    if (this.#closeCode !== undefined)
      throw new Failure(
        `the connection was closed with ${this.#closeCode}; without an answer: ${this.#ledger.unanswered}`,
      )
  }

  drop(): void {
    this.#socket.terminate()
  }
}

/** Sends the inputs, by as many connections as it takes: an offence ends one. */
async function converse(url: string, { inputs, mode }: Batch, patienceMs: number): Promise<void> {
  // Sometimes without the handshake: then every request is answered all the same.
  const isFresh = mode === 0
  for (let at = 0; at < inputs.length; ) {
    const conversation = await Conversation.open(url, patienceMs)
    try {
      if (!isFresh) for (const input of HANDSHAKE) conversation.send(input)
      let isOver = false
      while (at < inputs.length && !isOver) isOver = conversation.send(inputs[at++] as Input)
      if (isOver) await conversation.ended(patienceMs)
      else await conversation.finish(patienceMs, mode % 2 === 0)
    } finally {
      conversation.drop()
    }
  }
}

const FIRST: Batch = { inputs: [probe('first word', 'fs/getMetadata', { path: '/' })], mode: 1 }

const open = (place: Place): Promise<Subject> => networkSubject(place, converse, FIRST)

/** About one message in two hundred is an offence. */
export const envelopeFamily: Family = { name: 'envelopes', share: 32, batch: 400, input: () => envelopes(6), open }

export const paramsFamily: Family = { name: 'params', share: 24, batch: 200, input: (place) => requests(place), open }

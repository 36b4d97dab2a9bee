/** A transport without a wire, and a client at its other end. */
import type { Connection } from '../../../src/core/rpc/connection.ts'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import type { ExecServer } from '../../../src/core/rpc/server.ts'
import type { CloseCode, Transport } from '../../../src/core/base/transport.ts'
import { settled } from './manual-clock.ts'

export class MemoryTransport implements Transport {
  readonly source = 'JSON-RPC message from exec-server memory'
  readonly peer = 'memory'
  /** Every message, in the order sent. */
  readonly messages: string[] = []
  /** A slow client takes nothing until {@link drain}. */
  slow = false
  inputPaused = false
  closed: { code: CloseCode; reason: string } | undefined
  onResume: () => void = () => {}
  /** The most bytes that were ever queued. */
  mostQueued = 0
  #queued = 0

  send(message: string | RawJson): void {
    if (this.closed !== undefined) throw new Error('sent after close')
    const text = message instanceof RawJson ? message.text : message
    this.messages.push(text)
    if (!this.slow) return
    this.#queued += Buffer.byteLength(text)
    this.mostQueued = Math.max(this.mostQueued, this.#queued)
  }

  queued(): number {
    return this.#queued
  }

  /** The client takes all that is queued. Whoever waits for room must be told, as a door does. */
  drain(): void {
    this.#queued = 0
  }

  pauseInput(): void {
    this.inputPaused = true
  }

  resumeInput(): void {
    this.inputPaused = false
    this.onResume()
  }

  close(code: CloseCode, reason: string): void {
    if (this.closed !== undefined) throw new Error('closed twice')
    this.closed = { code, reason }
  }
}

export type Answer = { id: unknown; result?: any; error?: { code: number; message: string } }
export type Event = {
  method: string
  params: { processId: string; seq: number; stream?: string; chunk?: string; exitCode?: number }
}

const encoder = new TextEncoder()

export class MemoryClient {
  readonly transport = new MemoryTransport()
  readonly connection: Connection
  readonly #parsed: (Answer | Event)[] = []
  readonly #answers: Answer[] = []
  readonly #answerById = new Map<unknown, Answer>()
  #backlog: string[] = []
  #nextId = 1

  constructor(server: ExecServer) {
    this.connection = server.connect(this.transport)
    // A door goes on with what it holds in a turn of its own.
    this.transport.onResume = () => queueMicrotask(() => this.#flush())
  }

  /** A client that has completed the handshake, and its session. */
  static async ready(
    server: ExecServer,
    resumeSessionId: string | null = null,
  ): Promise<MemoryClient & { sessionId: string }> {
    const client = new MemoryClient(server)
    const { result, error } = await client.ask('initialize', { clientName: 'test', resumeSessionId })
    if (error !== undefined) throw new Error(error.message)
    client.say({ method: 'initialized', params: {} })
    return Object.assign(client, { sessionId: result.sessionId as string })
  }

  /** Sends one message: text as it is, anything else as JSON. Waits while the server does not read. */
  say(message: unknown): void {
    this.#backlog.push(typeof message === 'string' ? message : JSON.stringify(message))
    this.#flush()
  }

  #flush(): void {
    while (!this.transport.inputPaused) {
      const text = this.#backlog.shift()
      if (text === undefined) return
      this.connection.receive(encoder.encode(text))
    }
  }

  /** Sends a request. Its answer is looked up by the id that this returns. */
  begin(method: string, params?: unknown): number {
    const id = this.#nextId++
    this.say({ id, method, params })
    return id
  }

  /** Sends a request that the server can answer by itself, and tells the answer. */
  async ask(method: string, params?: unknown): Promise<Answer> {
    const id = this.begin(method, params)
    await settled()
    const answer = this.answer(id)
    if (answer === undefined) throw new Error(`${method} was not answered`)
    return answer
  }

  /** All that the server has sent, in order. */
  get received(): readonly (Answer | Event)[] {
    const { messages } = this.transport
    while (this.#parsed.length < messages.length) {
      const message = JSON.parse(messages[this.#parsed.length] as string) as Answer | Event
      this.#parsed.push(message)
      if (!('id' in message)) continue
      this.#answers.push(message)
      if (!this.#answerById.has(message.id)) this.#answerById.set(message.id, message)
    }
    return this.#parsed
  }

  answer(id: unknown): Answer | undefined {
    void this.received
    return this.#answerById.get(id)
  }

  get answers(): readonly Answer[] {
    void this.received
    return this.#answers
  }

  events(processId: string): Event[] {
    return this.received.filter((message) => 'params' in message).filter(({ params }) => params.processId === processId)
  }

  /** What a process has written, as far as the client has been sent it. */
  output(processId: string): string {
    return this.events(processId)
      .map(({ params }) => atob(params.chunk ?? ''))
      .join('')
  }

  /** Takes all that is queued, again and again, until nothing comes any more. */
  async drain(): Promise<void> {
    for (let seen = -1; seen < this.transport.messages.length; ) {
      seen = this.transport.messages.length
      this.transport.drain()
      this.connection.drained()
      await settled()
    }
  }

  start(processId: string, more: object = {}): Promise<Answer> {
    return this.ask('process/start', startParams(processId, more))
  }

  /** The wire breaks without a word. */
  drop(): void {
    this.connection.gone()
  }
}

export const startParams = (processId: string, more: object = {}) => ({
  processId,
  argv: ['fake'],
  cwd: '/',
  env: {},
  tty: false,
  ...more,
})

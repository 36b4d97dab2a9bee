/** An in-memory transport, and a client for it. */
import type { Connection } from '../../../src/core/rpc/connection.ts'
import { RawJson } from '../../../src/core/base/json-fragments.ts'
import type { ExecServer } from '../../../src/core/rpc/server.ts'
import type { CloseCode, Transport } from '../../../src/core/base/transport.ts'
import { settled } from './manual-clock.ts'

/** A transport that keeps all messages in memory. */
export class MemoryTransport implements Transport {
  readonly source = 'JSON-RPC message from exec-server memory'
  readonly peer = 'memory'
  /** All messages, in the order sent. */
  readonly messages: string[] = []
  /** While set, messages stay queued until {@link drain}. */
  slow = false
  inputPaused = false
  closed: { code: CloseCode; reason: string } | undefined
  onResume: () => void = () => {}
  /** The maximum number of queued bytes so far. */
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

  /** Empties the queue. The caller must notify the connection, as a real transport does. */
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

/** A response, error or not. */
export type Answer = { id: unknown; result?: any; error?: { code: number; message: string } }
/** A notification about a process. */
export type Event = {
  method: string
  params: { processId: string; seq: number; stream?: string; chunk?: string; exitCode?: number }
}

const encoder = new TextEncoder()

/** A client of a server in the same process. */
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
    // Like a real transport, deliver held-back messages in a later turn.
    this.transport.onResume = () => queueMicrotask(() => this.#flush())
  }

  /** A client after the handshake, with its session. */
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

  /** Sends one message: text as it is, anything else as JSON. Queues it while the server pauses input. */
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

  /** Sends a request and returns its id, which identifies the response. */
  begin(method: string, params?: unknown): number {
    const id = this.#nextId++
    this.say({ id, method, params })
    return id
  }

  /** Sends a request that needs no action by the test, and resolves with the response. */
  async ask(method: string, params?: unknown): Promise<Answer> {
    const id = this.begin(method, params)
    await settled()
    const answer = this.answer(id)
    if (answer === undefined) throw new Error(`${method} was not answered`)
    return answer
  }

  /** All messages from the server, in order. */
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

  /** The output of a process that the client has received so far. */
  output(processId: string): string {
    return this.events(processId)
      .map(({ params }) => atob(params.chunk ?? ''))
      .join('')
  }

  /** Drains the queue repeatedly until no more messages arrive. */
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

  /** The connection is lost without a close frame. */
  drop(): void {
    this.connection.gone()
  }
}

/** Minimal params of process/start. */
export const startParams = (processId: string, more: object = {}) => ({
  processId,
  argv: ['fake'],
  cwd: '/',
  env: {},
  tty: false,
  ...more,
})

/** A minimal JSON-RPC client over WebSocket. It sends anything and records every message. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { atEnd } from './scope.ts'

/** A notification; most are about a process. */
export type Notification = { method: string; params: Record<string, unknown> & { processId: string; seq: number } }
/** A response, error or not. */
export type Answer = { id: unknown; result?: any; error?: { code: number; message: string } }

/** An error response. */
export class RpcFailure extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

/** A WebSocket client that is disposed with the test. */
export class Client {
  readonly socket: WebSocket
  readonly notifications: Notification[] = []
  /** The text of every message, in arrival order. */
  readonly messages: string[] = []
  readonly #waiting = new Map<unknown, (answer: Answer) => void>()
  readonly #watchers = new Set<() => void>()
  #nextId = 1
  closeCode: number | undefined

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: Buffer) => this.#receive(data.toString()))
    socket.on('close', (code) => {
      this.closeCode = code
      for (const watcher of this.#watchers) watcher()
    })
    socket.on('error', () => {})
    socket.once(
      'close',
      atEnd(() => socket.terminate()),
    )
  }

  /** Opens a socket without the handshake. */
  static async open(url: string, options: object = {}): Promise<Client> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 200 * 1024 * 1024, ...options })
    const client = new Client(socket)
    await once(socket, 'open')
    return client
  }

  /** Opens a socket and completes the handshake. */
  static async connect(url: string, resumeSessionId: string | null = null): Promise<Client & { sessionId: string }> {
    const client = await Client.open(url)
    const { sessionId } = await client.request('initialize', { clientName: 'test', resumeSessionId })
    client.notify('initialized', {})
    return Object.assign(client, { sessionId: sessionId as string })
  }

  #receive(text: string): void {
    this.messages.push(text)
    const message = JSON.parse(text)
    if ('method' in message) this.notifications.push(message)
    else {
      this.#waiting.get(message.id)?.(message)
      this.#waiting.delete(message.id)
    }
    for (const watcher of [...this.#watchers]) watcher()
  }

  send(text: string | Uint8Array): void {
    this.socket.send(text)
  }

  notify(method: string, params: unknown): void {
    this.send(JSON.stringify({ method, params }))
  }

  /** Sends a request and resolves with the response, error or not. */
  ask(method: string, params: unknown): Promise<Answer> {
    const id = this.#nextId++
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.send(JSON.stringify({ id, method, params }))
    })
  }

  /**
   * Sends a request and resolves with its result.
   * @throws {RpcFailure} for an error response
   */
  async request(method: string, params: unknown): Promise<any> {
    const { result, error } = await this.ask(method, params)
    if (error !== undefined) throw new RpcFailure(error.code, error.message)
    return result
  }

  /**
   * Resolves with the first result of `probe` that is neither undefined nor false; runs it after every message. The
   * timeout is generous: on an idle machine the wait is a small part of it.
   */
  until<T>(probe: () => T | undefined | false, ms = 30_000, what = 'a message'): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#watchers.delete(look)
        reject(new Error(`${what} did not come within ${ms} ms`))
      }, ms)
      const look = (): void => {
        const found = probe()
        if (found === undefined || found === false) return
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve(found)
      }
      this.#watchers.add(look)
      look()
    })
  }

  start(processId: string, argv: readonly string[], more: object = {}): Promise<any> {
    return this.request('process/start', {
      processId,
      argv,
      cwd: '/',
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      tty: false,
      ...more,
    })
  }

  eventsOf(processId: string): Notification[] {
    return this.notifications.filter(({ params }) => params.processId === processId)
  }

  outputOf(processId: string, stream?: string): Buffer {
    const chunks = this.eventsOf(processId).filter(
      ({ method, params }) => method === 'process/output' && (stream === undefined || params['stream'] === stream),
    )
    return Buffer.concat(chunks.map(({ params }) => Buffer.from(params['chunk'] as string, 'base64')))
  }

  /** Waits for process/closed and resolves with the exit code. */
  async closed(processId: string, ms = 30_000): Promise<number> {
    await this.until(
      () => this.eventsOf(processId).some(({ method }) => method === 'process/closed'),
      ms,
      `process/closed of ${processId}`,
    )
    const exit = this.eventsOf(processId).find(({ method }) => method === 'process/exited')
    return exit?.params['exitCode'] as number
  }

  /** Starts a command, waits for process/closed, and resolves with its exit code and output. */
  async run(processId: string, argv: readonly string[], more: object = {}): Promise<{ code: number; output: string }> {
    await this.start(processId, argv, more)
    const code = await this.closed(processId)
    return { code, output: this.outputOf(processId).toString() }
  }

  /** Destroys the socket without a close frame. */
  async drop(): Promise<void> {
    if (this.closeCode !== undefined) return
    this.socket.terminate()
    await this.until(() => this.closeCode !== undefined)
  }

  async close(): Promise<void> {
    if (this.closeCode !== undefined) return
    this.socket.close()
    await this.until(() => this.closeCode !== undefined)
  }
}

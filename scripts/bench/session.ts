/** A session with a server: requests, and processes until they are closed. */
import { clientFrame, RawClient } from './raw-client.ts'
import type { Server, Subject } from './servers.ts'

const OUTPUT = '{"method":"process/output"'

type Settle = { resolve: (text: string) => void; reject: (error: Error) => void }

/** A read buffer for many sessions: enough for short answers. */
export const SMALL_READ_BYTES = 8192

export class Session {
  readonly subject: Subject
  /** Bytes of all process/output messages so far, framing excluded. */
  outputBytes = 0
  readonly #client: RawClient
  readonly #answers = new Map<number, Settle>()
  readonly #closed = new Map<string, Settle>()
  #nextId = 1
  #nextProcess = 1

  private constructor(subject: Subject, client: RawClient) {
    this.subject = subject
    this.#client = client
    client.onMessage = (text, length) => this.#receive(text, length)
    client.onEnd = (reason) => {
      for (const { reject } of [...this.#answers.values(), ...this.#closed.values()]) reject(new Error(reason))
    }
  }

  static async open(server: Server, readBytes?: number): Promise<Session> {
    const session = new Session(server.subject, await RawClient.connect(server.url, readBytes))
    await session.ask('initialize', { clientName: 'bench', resumeSessionId: null })
    session.#client.send(clientFrame('{"method":"initialized","params":{}}'))
    return session
  }

  #receive(text: string, length: number): void {
    if (text.startsWith(OUTPUT)) this.outputBytes += length
    else if (text.startsWith('{"method"')) this.#event(text)
    else this.#answer(text, length)
  }

  #event(text: string): void {
    if (!text.startsWith('{"method":"process/closed"')) return
    const { params } = JSON.parse(text) as { params: { processId: string } }
    settle(this.#closed, params.processId)?.resolve(text)
  }

  /** Only the beginning of a long answer is there, and long ones are no errors. */
  #answer(text: string, length: number): void {
    if (length === text.length) {
      const { id, error } = JSON.parse(text) as { id: number; error?: { message: string } }
      const answer = settle(this.#answers, id)
      if (error === undefined) answer?.resolve(text)
      else answer?.reject(new Error(error.message))
    } else settle(this.#answers, Number(/^\{"id":(\d+)/.exec(text)?.[1]))?.resolve(text)
  }

  ask(method: string, params: object): Promise<string> {
    const { frame, id } = this.prepare(method, params)
    return this.send(id, frame)
  }

  /** A request that is made now, to be sent later. */
  prepare(method: string, params: object): { frame: Buffer; id: number } {
    const id = this.#nextId++
    return { frame: clientFrame(JSON.stringify({ id, method, params })), id }
  }

  send(id: number, frame: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#answers.set(id, { resolve, reject })
      this.#client.send(frame)
    })
  }

  /** Starts a process, without waiting for its end. Returns its id. */
  async start(argv: readonly string[], tty = false): Promise<string> {
    const processId = `p${this.#nextProcess++}`
    await this.#start(processId, argv, tty)
    return processId
  }

  /** Starts a process and waits until it is closed. Returns its id. */
  async run(argv: readonly string[], tty = false, more: object = {}): Promise<string> {
    const processId = `p${this.#nextProcess++}`
    const closed = new Promise<string>((resolve, reject) => this.#closed.set(processId, { resolve, reject }))
    await Promise.all([this.#start(processId, argv, tty, more), closed])
    return processId
  }

  /** Starts a process that waits. Returns a function that lets it run, and waits until it is closed. */
  async hold(argv: readonly string[]): Promise<() => Promise<unknown>> {
    const processId = `p${this.#nextProcess++}`
    const closed = new Promise<string>((resolve, reject) => this.#closed.set(processId, { resolve, reject }))
    await this.#start(processId, ['sh', '-c', 'read line; exec "$@"', 'sh', ...argv], false, { pipeStdin: true })
    return () => Promise.all([this.ask('process/write', { processId, chunk: btoa('\n') }), closed])
  }

  #start(processId: string, argv: readonly string[], tty: boolean, more: object = {}): Promise<string> {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin' }
    return this.ask('process/start', {
      processId,
      argv,
      cwd: this.subject.path('/'),
      env,
      tty,
      pipeStdin: false,
      arg0: null,
      ...more,
    })
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

function settle<K>(waiting: Map<K, Settle>, key: K): Settle | undefined {
  const found = waiting.get(key)
  waiting.delete(key)
  return found
}

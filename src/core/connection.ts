/**
 * One connection: reads messages, runs requests side by side, answers them, and sends the events of its
 * session's processes.
 *
 * A message that cannot be read is answered with id -1 and the connection lives. A few offences close it,
 * after every request accepted before has been answered.
 */
import { encodeError, encodeResult, NO_ID, parseMessage } from '../protocol/envelope.ts'
import type { IdText } from '../protocol/envelope.ts'
import { ErrorCode, invalidRequest, RpcError } from '../protocol/errors.ts'
import type { JsonValue } from '../protocol/json.ts'
import { Method } from '../protocol/methods.ts'
import { decodeParams } from '../protocol/scalars.ts'
import { InitializeParams } from '../protocol/session.ts'
import type { InitializeResult } from '../protocol/session.ts'
import { AnswerBudget } from './answer-budget.ts'
import type { Clock } from './clock.ts'
import { FileHandles } from './file-handles.ts'
import { FileOrder } from './file-order.ts'
import { AsciiParts } from './frames.ts'
import type { Host } from './host.ts'
import { HttpCalls } from './http-calls.ts'
import type { Limits } from './limits.ts'
import type { Context, Result } from './method.ts'
import { methods } from './methods.ts'
import { MissingWatch } from './missing-watch.ts'
import { OutputPump } from './output-pump.ts'
import type { Session, SessionRegistry } from './session.ts'
import { CloseCode } from './transport.ts'
import type { Transport } from './transport.ts'

export type ConnectionOptions = {
  clock: Clock
  host: Host
  limits: Limits
  sessions: SessionRegistry
  /** Called once the connection is gone for good. */
  onGone: () => void
}

export class Connection {
  readonly #transport: Transport
  readonly #options: ConnectionOptions
  readonly #pump: OutputPump
  readonly #answers: AnswerBudget
  readonly #files = new FileOrder()
  readonly #handles: FileHandles
  readonly #http: HttpCalls
  readonly #watch: MissingWatch
  readonly #releases = new Set<() => void>()

  #session: Session | undefined
  #initialized = false
  /** `closing`: nothing more is read, what was accepted is still answered. `gone`: nobody is there to answer. */
  #state: 'open' | 'closing' | 'gone' = 'open'
  #runningCalls = 0
  #runningBytes = 0
  #inputPaused = false
  #onIdle: (() => void) | undefined

  constructor(transport: Transport, options: ConnectionOptions) {
    this.#transport = transport
    this.#options = options
    const { limits } = options
    this.#pump = new OutputPump(transport, limits.outboundOutput)
    this.#handles = new FileHandles(limits.fileHandles)
    this.#answers = new AnswerBudget(limits.outboundTotal, () => transport.queued())
    this.#watch = new MissingWatch((notification) => transport.send(notification))
    this.#http = new HttpCalls({ ...options, pump: this.#pump, hold: () => this.#hold() })
  }

  // ---- what the door tells ----

  /** One message. */
  receive(bytes: Uint8Array): void {
    if (this.#state !== 'open') return
    const message = parseMessage(bytes)
    switch (message.kind) {
      case 'request':
        return this.#request(message.id, message.method, message.params, bytes.length)
      case 'notification':
        return this.#notification(message.method)
      case 'answer':
        return this.close(CloseCode.ProtocolError, 'unexpected answer: the server has asked nothing')
      case 'malformed':
        return this.refuse(message.detail)
    }
  }

  /** Answers a message that cannot be read, or could not be taken in. */
  refuse(detail: string): void {
    if (this.#state === 'gone') return
    const message = `failed to parse ${this.#transport.source}: ${detail}`
    this.#transport.send(encodeError(NO_ID, ErrorCode.InvalidRequest, message))
    this.#balanceInput()
  }

  /** The transport has room again. */
  drained(): void {
    this.#answers.retry()
    this.#pump.flush()
    this.#balanceInput()
  }

  /** Answers what was accepted, waiting reads included, then closes. */
  close(code: CloseCode, reason: string): void {
    void this.settle().then(() => {
      if (this.#state === 'gone') return
      this.#transport.close(code, reason)
      // What the client does after a close frame reaches nobody, so its session is free from now on.
      this.gone()
    })
  }

  /** Reads nothing more; settles when everything accepted has been answered. */
  settle(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closing'
    this.#release()
    this.#http.close()
    return new Promise((resolve) => {
      const before = this.#onIdle
      this.#onIdle = () => {
        before?.()
        resolve()
      }
      this.#checkIdle()
    })
  }

  /** The transport is gone. The session waits for its client to come back. */
  gone(): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#pump.stop()
    if (this.#session !== undefined) this.#options.sessions.detach(this.#session)
    this.#release()
    this.#answers.dispose()
    this.#handles.dispose()
    this.#http.dispose()
    this.#watch.dispose()
    this.#options.onGone()
  }

  #release(): void {
    for (const call of [...this.#releases]) call()
  }

  // ---- requests ----

  #notification(method: string): void {
    if (method !== Method.Initialized) return this.close(CloseCode.ProtocolError, `unexpected notification ${method.slice(0, 60)}`)
    if (this.#session === undefined) return this.close(CloseCode.ProtocolError, 'initialized came before initialize')
    this.#initialized = true
  }

  #request(id: IdText, method: string, params: JsonValue, bytes: number): void {
    const afterwards: (() => void)[] = []
    let result: Result | Promise<Result>
    try {
      result = method === Method.Initialize ? this.#initialize(params, afterwards) : this.#call(method, params, afterwards)
    } catch (error) {
      return this.#fail(id, error, afterwards)
    }
    if (!(result instanceof Promise)) return this.#answer(id, result, afterwards)
    const letGo = this.#hold()
    this.#runningBytes += bytes
    const finished = (): void => {
      this.#runningBytes -= bytes
      this.#balanceInput()
      letGo()
    }
    void result
      .then((value) => this.#answer(id, value, afterwards))
      .catch((error: unknown) => this.#fail(id, error, afterwards))
      .finally(finished)
    this.#balanceInput()
  }

  /** Counts something that a closing connection waits for, until the returned function is called. */
  #hold(): () => void {
    this.#runningCalls++
    return () => {
      this.#runningCalls--
      this.#checkIdle()
    }
  }

  #call(name: string, params: JsonValue, afterwards: (() => void)[]): Result | Promise<Result> {
    const method = methods.get(name)
    if (method === undefined) throw new RpcError(ErrorCode.MethodNotFound, `exec-server does not implement \`${name.slice(0, 100)}\``)
    const call = method.prepare(params)
    const session = this.#session
    if (session === undefined) throw invalidRequest(`client must call initialize before using ${method.family} methods`)
    if (!this.#initialized) throw invalidRequest(`client must send initialized before using ${method.family} methods`)
    return call(this.#context(session, afterwards))
  }

  #context(session: Session, afterwards: (() => void)[]): Context {
    const { host, clock, limits } = this.#options
    return {
      session,
      host,
      clock,
      limits,
      files: this.#files,
      handles: this.#handles,
      http: this.#http,
      watch: this.#watch,
      onRelease: (call) => {
        // A connection that is closing lets nobody wait.
        if (this.#state !== 'open') queueMicrotask(call)
        this.#releases.add(call)
        return () => this.#releases.delete(call)
      },
      afterAnswer: (call) => afterwards.push(call),
      reserve: (bytes) => {
        const room = this.#answers.reserve(bytes)
        afterwards.push(() => this.#answers.release(bytes))
        return room
      },
    }
  }

  #initialize(params: JsonValue, afterwards: (() => void)[]): InitializeResult {
    const { resumeSessionId } = decodeParams(InitializeParams, params)
    if (this.#session !== undefined) throw invalidRequest('initialize may only be sent once per connection')
    const { sessions, host } = this.#options
    const environmentInfo = host.environmentInfo()
    const session = resumeSessionId === null || resumeSessionId === undefined ? sessions.create() : sessions.resume(resumeSessionId)
    this.#session = session
    // Events flow from here on, behind the answer.
    afterwards.push(() => sessions.listen(session, this.#pump))
    return { sessionId: session.id, environmentInfo }
  }

  // ---- answers ----

  #answer(id: IdText, result: Result, afterwards: readonly (() => void)[]): void {
    const message = result instanceof AsciiParts ? result.asResult(id) : encodeResult(id, JSON.stringify(result))
    if (exceeds(message, this.#options.limits.messageBytes)) {
      return this.#fail(id, invalidRequest(`the answer is larger than ${this.#options.limits.messageBytes} bytes`), afterwards)
    }
    this.#send(message, afterwards)
  }

  #fail(id: IdText, error: unknown, afterwards: readonly (() => void)[]): void {
    if (!(error instanceof RpcError)) this.#options.host.report(error)
    const { code, message } = error instanceof RpcError ? error : { code: ErrorCode.Internal, message: 'internal error' }
    this.#send(encodeError(id, code, message), afterwards)
  }

  #send(message: string | AsciiParts, afterwards: readonly (() => void)[]): void {
    if (this.#state !== 'gone') this.#transport.send(message)
    for (const call of afterwards) call()
    this.#balanceInput()
  }

  #checkIdle(): void {
    if (this.#runningCalls > 0 || this.#onIdle === undefined) return
    const call = this.#onIdle
    this.#onIdle = undefined
    call()
  }

  /** A client that sends without reading is not read either, until its answers have gone. */
  #balanceInput(): void {
    if (this.#state === 'gone') return
    const { outboundTotal, messageBytes } = this.#options.limits
    const pause = this.#transport.queued() > outboundTotal || this.#runningBytes > 2 * messageBytes
    if (pause === this.#inputPaused) return
    this.#inputPaused = pause
    if (pause) this.#transport.pauseInput()
    else this.#transport.resumeInput()
  }
}

/** Whether a message has more bytes than that. Only a text that might is measured: a character has 3 at the most. */
function exceeds(message: string | AsciiParts, bytes: number): boolean {
  if (typeof message !== 'string' || message.length > bytes) return message.length > bytes
  return message.length * 3 > bytes && new TextEncoder().encode(message).length > bytes
}

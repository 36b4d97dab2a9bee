/** A session: its requests, each accounted for, its processes, and its coming back after a cut. */
import { setTimeout as sleep } from 'node:timers/promises'
import { RpcFailure } from '../../test/support/client.ts'
import type { Endpoint } from './endpoints.ts'
import { Followed } from './followed.ts'
import type { FollowOptions, ProcessEvent, ReadResult } from './followed.ts'
import type { Ledger } from './ledger.ts'
import type { Cut, Link } from './links.ts'
import { Requests, AlreadyReported } from './requests.ts'

/** The connection was cut; the session goes on. */
export class CutOff extends Error {}
/** The session is over, since its server was ended. */
export class Over extends Error {}
export type BodyDelta = { requestId: string; seq: number; deltaBase64: string; done: boolean; error: string | null }

const SESSION_ATTACHED = -32010
/** How the server ends an HTTP request when its connection closes. */
const CLOSING = /: the connection is closing$/
/**
 * How long after the end of stdin the server waits for HTTP peers, and for a client that does not take the end of a stream. It
 * does not wait for the rest of a stream, which may never end.
 */
const CLOSING_MS = 5000
const ATTACHED_MS = 60_000
const RETRY_MS = 25
/** Finished processes that are remembered, so that an event too many is seen. */
const REMEMBERED = 1000

export class Session {
  readonly name: string
  readonly endpoint: Endpoint
  readonly ledger: Ledger
  readonly #generation: number
  #link: Link | undefined
  #state: 'open' | 'cut' | 'finishing' | 'over' = 'open'
  #ready = settled()
  #id: string | null = null
  #nextName = 1
  /** When we ended stdin: every request is still answered, but streamed bodies are cut off. */
  #finishedAt = Infinity
  readonly #requests: Requests
  readonly #followed = new Map<string, Followed>()
  readonly #finished: string[] = []
  readonly #bodies = new Map<string, (delta: BodyDelta | Error) => void>()

  private constructor(name: string, endpoint: Endpoint, ledger: Ledger) {
    this.name = name
    this.endpoint = endpoint
    this.ledger = ledger
    this.#generation = endpoint.generation
    this.#requests = new Requests(name, ledger)
    this.#ready.promise.catch(() => {})
  }

  static async open(name: string, endpoint: Endpoint, ledger: Ledger): Promise<Session> {
    const session = new Session(name, endpoint, ledger)
    try {
      await session.#connect()
      return session
    } catch (error) {
      session.#end(error as Error)
      throw session.#isEnded ? new Over() : error
    }
  }

  get #isEnded(): boolean {
    return this.#generation !== this.endpoint.generation
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** Whether its connection stands, and may be disturbed. */
  get isOpen(): boolean {
    return this.#state === 'open' && this.#link !== undefined && this.#ready.isSettled
  }

  /** A name that no other process, handle or request of the session has. */
  unique(kind: string): string {
    return `${this.name}-${kind}-${this.#nextName++}`
  }

  // ---- requests ----

  /** The result; throws RpcFailure for an error, CutOff or Over when no answer can come any more. */
  async request(method: string, params: object): Promise<any> {
    if (this.#state === 'finishing' || this.#state === 'over') throw new Over()
    if (!this.#ready.isSettled) throw new CutOff()
    return this.#ask(method, params)
  }

  #ask(method: string, params: object): Promise<any> {
    const link = this.#link
    if (link === undefined) return Promise.reject(this.#isEnded ? new Over() : new CutOff())
    return this.#requests.add(method, (id) => link.send(JSON.stringify({ id, method, params })))
  }

  /** The same for what may be asked twice: after a cut it is asked again. */
  async call(method: string, params: object): Promise<any> {
    for (;;) {
      await this.ready()
      try {
        return await this.request(method, params)
      } catch (error) {
        if (!(error instanceof CutOff)) throw error
      }
    }
  }

  /** Settles when requests can be sent; throws Over if they never can. */
  async ready(): Promise<void> {
    for (let seen; seen !== this.#ready; ) {
      seen = this.#ready
      await seen.promise
    }
  }

  /** Sends what is no message at all. Settles with its error, which has no id. */
  async malformed(text: string): Promise<RpcFailure> {
    const link = this.#link
    if (link === undefined || !this.isOpen) throw new CutOff()
    try {
      await this.#requests.addMalformed(() => link.send(text))
    } catch (error) {
      if (error instanceof RpcFailure) return error
      throw error
    }
    throw new Error(`a malformed message got a result: ${text.slice(0, 60)}`)
  }

  // ---- processes and bodies ----

  follow(options: Omit<FollowOptions, 'ledger'>): Followed {
    const followed = new Followed({ ...options, ledger: this.ledger })
    this.#followed.set(options.processId, followed)
    if (this.isOver) followed.giveUp(new Over())
    return followed
  }

  /** It is done with; an event that still comes for it is one too many. */
  unfollow({ processId }: Followed): void {
    this.#finished.push(processId)
    if (this.#finished.length > REMEMBERED) this.#followed.delete(this.#finished.shift() as string)
  }

  /** The body of a streamed HTTP request; ends with an error when the connection does. */
  onBody(requestId: string, take: (delta: BodyDelta | Error) => void): () => void {
    this.#bodies.set(requestId, take)
    return () => this.#bodies.delete(requestId)
  }

  /** The failure of an HTTP request or its streamed body, from the server's message. Over if we caused it by ending stdin. */
  httpFailure(message: string, { isStreamed }: { isStreamed: boolean }): Error {
    const isClosing = CLOSING.test(message) && this.#sinceFinished >= (isStreamed ? 0 : CLOSING_MS)
    return isClosing ? new Over() : new Error(message)
  }

  /** In milliseconds; negative before. */
  get #sinceFinished(): number {
    return performance.now() - this.#finishedAt
  }

  // ---- what is received ----

  #receive(text: string): void {
    const message = JSON.parse(text)
    if (message.method === undefined) {
      // A server that is being ended says of its processes that they are gone, and so it is.
      return this.#requests.answer(message, this.#isEnded ? new Over() : undefined)
    }
    if (this.#isEnded) return
    // What is on its way for a body that was given up tells nothing.
    if (message.method === 'http/request/bodyDelta') this.#bodies.get(message.params.requestId)?.(message.params)
    else this.#event(message.method, message.params)
  }

  #event(method: string, params: ProcessEvent & { processId: string }): void {
    const followed = this.#followed.get(params.processId)
    if (followed === undefined) this.ledger.fault(`${this.name}: ${method} of an unknown process ${params.processId}`)
    else followed.take(method, params)
  }

  // ---- the connection ----

  async #connect(): Promise<void> {
    const link = await this.endpoint.open()
    if (this.#isEnded) link.cut('without a word')
    link.onMessage = (text) => this.#receive(text)
    link.onEnd = (reason) => this.#ended(reason)
    this.#link = link
    this.#state = 'open'
    const missed = [...this.#followed.values()].filter((followed) => !followed.isClosed)
    for (const followed of missed) followed.awaitRecovery()
    const { sessionId } = await this.#initialize()
    this.#id = sessionId
    link.send('{"method":"initialized","params":{}}')
    await Promise.all(missed.map((followed) => this.#recover(followed)))
  }

  /** The server may still have to learn that the connection before has been cut. */
  async #initialize(): Promise<{ sessionId: string }> {
    for (const deadline = Date.now() + ATTACHED_MS; ; await sleep(RETRY_MS)) {
      try {
        return await this.#ask('initialize', { clientName: 'soak', resumeSessionId: this.#id })
      } catch (error) {
        if (!(error instanceof RpcFailure) || error.code !== SESSION_ATTACHED || Date.now() > deadline) throw error
      }
    }
  }

  async #recover(followed: Followed): Promise<void> {
    try {
      const read: ReadResult = await this.#ask('process/read', {
        processId: followed.processId,
        afterSeq: followed.last,
        waitMs: 0,
      })
      followed.recover(read)
    } catch (error) {
      // One whose start never came through is to be started again.
      if (!(error instanceof RpcFailure)) throw error
      if (followed.isStarted)
        this.ledger.fault(`process ${followed.processId} is unknown after a resume: ${error.message}`)
      followed.recover(undefined)
    }
  }

  #ended(reason: string): void {
    const isCut = this.#state === 'cut'
    if (!isCut && !this.#isEnded && this.#state !== 'finishing') this.ledger.fault(`${this.name}: ${reason}, unasked`)
    this.#link = undefined
    const gone = this.#isEnded ? new Over() : new CutOff()
    this.#requests.endAll(this.#isEnded ? 'ended' : isCut ? 'abandoned' : 'lost', reason, gone)
    for (const [requestId, take] of [...this.#bodies]) {
      // After the end of stdin the server still tells the end of every body, unless that is not taken in time.
      const wasTold = this.#sinceFinished >= 0 && this.#sinceFinished < CLOSING_MS
      if (wasTold && !this.#isEnded) this.ledger.fault(`${this.name}: the body of ${requestId} has no end`)
      take(gone)
    }
    this.#bodies.clear()
    if (!isCut || this.#isEnded) this.#end(new Over())
  }

  #end(reason: Error): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#requests.stop()
    if (!this.#ready.isSettled) this.#ready.reject(new Over())
    this.#ready = settled(new Over())
    for (const followed of this.#followed.values()) followed.giveUp(reason)
    this.#link?.cut('without a word')
  }

  // ---- disruption ----

  pause(): void {
    this.#link?.pause()
  }

  resume(): void {
    this.#link?.resume()
  }

  /** Cuts the connection, stays away for a while, and comes back to the session, at the first try or after some that are cut, too. */
  async cut(how: Cut, awayMs: number, failures: number): Promise<void> {
    const link = this.#link
    if (!this.isOpen || link === undefined) return
    this.#state = 'cut'
    this.#ready = settleable()
    const ended = untilEnd(link)
    link.resume()
    link.cut(how)
    await ended
    await sleep(awayMs)
    await this.#comeBack(failures)
  }

  async #comeBack(failures: number): Promise<void> {
    const ready = this.#ready
    if (this.isOver) return
    try {
      for (let left = failures; left > 0; left--) await this.#failToComeBack()
      await this.#connect()
      ready.resolve()
    } catch (error) {
      // A server that is being ended may fail the handshake with any error.
      if (!this.#isEnded) this.ledger.fault(`${this.name} could not come back: ${(error as Error).message}`)
      this.#end(this.#isEnded ? new Over() : new AlreadyReported())
    }
  }

  /** Whether the server takes it for a return depends on how soon it reads, and learns of the end. */
  async #failToComeBack(): Promise<void> {
    const link = await this.endpoint.open()
    this.ledger.sent++
    link.send(
      JSON.stringify({ id: 0, method: 'initialize', params: { clientName: 'soak', resumeSessionId: this.#id } }),
    )
    await sleep(0)
    const ended = untilEnd(link)
    link.cut('without a word')
    await ended
    this.ledger.abandoned++
  }

  /**
   * Sends nothing more, and waits for every answer, for the end of every body, whole or not, and for the end of the server.
   * For stdio only.
   */
  async finish(): Promise<void> {
    const link = this.#link
    if (!this.isOpen || link === undefined) return
    this.#state = 'finishing'
    this.#finishedAt = performance.now()
    const ended = untilEnd(link)
    link.finish()
    await ended
  }

  /** Leaves for good. What is running of it is the server's to end. */
  async leave(): Promise<void> {
    const link = this.#link
    if (!this.isOpen || link === undefined) return
    this.#state = 'cut'
    const ended = untilEnd(link)
    link.resume()
    link.cut('without a word')
    await ended
    this.#end(new Over())
  }
}

function untilEnd(link: Link): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { onEnd } = link
  link.onEnd = (reason) => {
    onEnd(reason)
    resolve()
  }
  return promise
}

type Readiness = PromiseWithResolvers<void> & { isSettled: boolean }

function settleable(): Readiness {
  const readiness: Readiness = { ...Promise.withResolvers<void>(), isSettled: false }
  readiness.promise.catch(() => {}).finally(() => (readiness.isSettled = true))
  return readiness
}

function settled(error?: Error): Readiness {
  const readiness = settleable()
  if (error === undefined) readiness.resolve()
  else readiness.reject(error)
  readiness.isSettled = true
  return readiness
}

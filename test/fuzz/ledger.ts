/**
 * Keeps the account of one connection: what must be answered, and what was. Every request exactly once and with its
 * own id, whatever is malformed once with id -1, nothing else, and never an error that speaks of a fault of the server's.
 */
import { ErrorCode } from '../../src/protocol/wire/errors.ts'
import { Method } from '../../src/protocol/wire/methods.ts'
import { expected, opensSession } from './expectation.ts'
import { Failure } from './failure.ts'
import type { Read } from './json-reader.ts'

const CODES = new Set<number>(Object.values(ErrorCode))
const METHODS = new Set<string>(Object.values(Method))
const NOTIFICATIONS = new Set<string>([
  Method.ProcessOutput,
  Method.ProcessExited,
  Method.ProcessClosed,
  Method.FsMissingChanged,
  Method.HttpBodyDelta,
])
/** These are no requests. */
const NOT_CALLED = new Set<string>([Method.Initialized, ...NOTIFICATIONS])

/** What an error says that nobody foresaw: the words of the engine and not of the operating system. */
const ENGINE =
  /^internal error$|\b(?:Type|Range|Reference|Syntax|Assertion|DOM)?(?:Error|Exception)\b: |ERR_[A-Z_]{6}|is not a function|Cannot read prop|\[object /

/** Bytes that a message may have before a session is open. */
export const FIRST_MESSAGE_BYTES = 64 * 1024

/** The bound on the text of a message besides one long base64 member. */
const TEXT_BYTES = 4 * 1024 * 1024

export class Ledger {
  /** By id text: answers that are due and have not come. */
  readonly #due = new Map<string, number>()
  /** Ids of unknown methods that only one request has: their code is known. */
  readonly #unknown = new Map<string, boolean>()
  readonly #seqs = new Map<string, number>()
  readonly #started = new Set<string>()
  #open = 0
  #hasSession: boolean
  failure: Failure | undefined
  /** Ids that stand for another. */
  readonly #sameAs = new Map<string, string>()
  /** Called whenever something has come. */
  onProgress: () => void = () => {}

  constructor(hasSession: boolean) {
    this.#hasSession = hasSession
  }

  /** Whether a message was above the bound, which closes the connection for that reason. */
  isTooBig = false

  get hasSession(): boolean {
    return this.#hasSession
  }

  /** Notes what a message calls for. Returns whether it must close the connection. */
  sent(bytes: Uint8Array): boolean {
    if (!this.#hasSession && bytes.length > FIRST_MESSAGE_BYTES) {
      this.expectMalformed()
      this.isTooBig = true
      return true
    }
    const message = expected(bytes)
    switch (message.kind) {
      case 'malformed':
        this.expectMalformed()
        // Too long as well: the server may have looked no further than that, and answers by the id that it has seen.
        if (bytes.length > TEXT_BYTES) this.#noteBeginning(bytes)
        return false
      case 'answer':
        return true
      case 'notification':
        return message.method !== Method.Initialized || !this.#hasSession
      case 'request':
        this.#expect(message.id)
        this.#unknown.set(message.id, isNoMethod(message.method) && !this.#unknown.has(message.id))
        if (message.method === Method.Initialize && opensSession(message.params)) this.#hasSession = true
        if (message.method === Method.ProcessStart) this.#noteStart(message.params)
        return false
    }
  }

  /** One error with id -1 is due. */
  expectMalformed(): void {
    this.#expect('-1')
    this.#unknown.set('-1', false)
  }

  #noteBeginning(bytes: Uint8Array): void {
    const id = /^\s*\{\s*"id"\s*:\s*(-?\d+)/.exec(new TextDecoder().decode(bytes.subarray(0, 100)))?.[1]
    if (id !== undefined) this.#sameAs.set(id, '-1')
  }

  #noteStart(params: Read): void {
    const id = params instanceof Map ? params.get('processId') : undefined
    if (typeof id === 'string') this.#started.add(id)
  }

  #expect(id: string): void {
    this.#due.set(id, (this.#due.get(id) ?? 0) + 1)
    this.#open++
  }

  /** The processes that may run because of what was sent. */
  get started(): string[] {
    return [...this.#started]
  }

  get complete(): boolean {
    return this.#open === 0
  }

  /** Takes a message of the server's. */
  came(text: string): void {
    try {
      this.#check(text)
    } catch (error) {
      this.failure ??= error instanceof Failure ? error : new Failure(`no JSON: ${text.slice(0, 200)}`)
    }
    this.onProgress()
  }

  #check(text: string): void {
    const message = JSON.parse(text) as Record<string, unknown>
    if ('method' in message) return this.#notified(message as Notified, text)
    const { error } = message as { error?: { code: number; message: string } }
    const answered = answeredId(message['id'], text)
    const id = this.#due.has(answered) ? answered : (this.#sameAs.get(answered) ?? answered)
    const due = this.#due.get(id) ?? 0
    if (due === 0)
      throw new Failure(`nothing with the id ${id.slice(0, 100)} was to be answered: ${text.slice(0, 200)}`)
    const isUnknown = this.#unknown.get(id) === true
    if (due > 1) this.#due.set(id, due - 1)
    else for (const map of [this.#due, this.#unknown]) map.delete(id)
    this.#open--
    if (Object.keys(message).length !== 2 || 'result' in message === 'error' in message)
      throw new Failure(`no answer: ${text.slice(0, 200)}`)
    if (error === undefined) {
      if (isUnknown) throw new Failure(`an unknown method has a result: ${text.slice(0, 200)}`)
      return
    }
    checkError(error)
    if (isUnknown && error.code !== ErrorCode.MethodNotFound)
      throw new Failure(`an unknown method is answered with ${error.code}: ${error.message}`)
  }

  #notified({ method, params }: Notified, text: string): void {
    if (!NOTIFICATIONS.has(method)) throw new Failure(`no notification of ours: ${text.slice(0, 200)}`)
    const { processId, seq } = params
    if (typeof processId !== 'string' || typeof seq !== 'number') return
    if (seq !== (this.#seqs.get(processId) ?? 0) + 1)
      throw new Failure(`event ${seq} of ${processId} after ${this.#seqs.get(processId)}`)
    this.#seqs.set(processId, seq)
  }

  /** The ids that have no answer yet. */
  get unanswered(): string {
    return [...this.#due]
      .slice(0, 5)
      .map(([id, due]) => `${id.slice(0, 60)}${due > 1 ? ` (${due} times)` : ''}`)
      .join(', ')
  }
}

type Notified = { method: string; params: { processId?: unknown; seq?: unknown } }

const isNoMethod = (method: string): boolean => !METHODS.has(method) || NOT_CALLED.has(method)

export function checkError({ code, message }: { code: number; message: string }): void {
  if (!CODES.has(code) || typeof message !== 'string') throw new Failure(`an unknown error: ${code} ${message}`)
  if (ENGINE.test(message)) throw new Failure(`an error of the server's own: ${code} ${message.slice(0, 300)}`)
}

/** The digits of an id that a double cannot hold are read from the text. */
function answeredId(id: unknown, text: string): string {
  if (typeof id === 'string') return JSON.stringify(id)
  if (Number.isSafeInteger(id)) return String(id)
  return /^\{"id":(-?[0-9]+),"result":/.exec(text)?.[1] ?? /,"id":(-?[0-9]+)\}$/.exec(text)?.[1] ?? 'none'
}

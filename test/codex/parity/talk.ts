/** One connection of a case. Whatever is asked on it is recorded, in the order of asking. */
import { Buffer } from 'node:buffer'
import type { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import { sleep } from '../../support/server.ts'
import { asText } from './names.ts'
import type { Outcome } from './record.ts'

/** Longer than any request takes, even on a busy machine. */
const PATIENCE_MS = 8000

export type Recorder = {
  /** In a case's params, paths and the like stand for what they are on this side. */
  filled(params: unknown): unknown
  /** Adds an entry now; its outcome may come later. */
  record(method: string, params: unknown, isRequest: boolean): (outcome: Outcome) => void
}

export class Talk {
  readonly client: Client
  readonly #recorder: Recorder

  constructor(client: Client, recorder: Recorder) {
    this.client = client
    this.#recorder = recorder
  }

  get isOpen(): boolean {
    return this.client.closeCode === undefined
  }

  /** Sends a request; what comes of it is compared. Gives the result, as it came, if there is one. */
  async ask(method: string, params?: unknown, patienceMs = PATIENCE_MS): Promise<any> {
    const settle = this.#recorder.record(method, params, true)
    const outcome = await this.#outcome(this.client.ask(method, this.#recorder.filled(params)), patienceMs)
    settle(outcome)
    return outcome.kind === 'result' ? outcome.value : undefined
  }

  /** Sends a request that is no matter of comparison. */
  async quietly(method: string, params?: unknown): Promise<any> {
    const outcome = await this.#outcome(this.client.ask(method, this.#recorder.filled(params)), PATIENCE_MS)
    return outcome.kind === 'result' ? outcome.value : undefined
  }

  async #outcome(answer: Promise<Answer>, patienceMs: number): Promise<Outcome> {
    const { client } = this
    let timer: NodeJS.Timeout | undefined
    let closed = (): void => {}
    const nothing = new Promise<Outcome>((resolve) => {
      closed = () => resolve({ kind: 'nothing', why: 'the connection was closed' })
      if (!this.isOpen) return closed()
      client.socket.once('close', closed)
      timer = setTimeout(() => {
        // What waits behind a request that is stuck would not be answered either.
        client.socket.terminate()
        resolve({ kind: 'nothing', why: 'no answer came' })
      }, patienceMs)
    })
    const outcome = await Promise.race([answer.then(outcomeOf), nothing])
    clearTimeout(timer)
    client.socket.off('close', closed)
    return outcome
  }

  /** Sends a message as it is, and records the message that it is answered with, its id included. */
  async raw(message: string | Uint8Array): Promise<void> {
    const { client } = this
    const shown = typeof message === 'string' ? message : `bytes ${Buffer.from(message).toString('latin1')}`
    const settle = this.#recorder.record(
      'message',
      shown.length > 200 ? `${shown.slice(0, 200)}... (${shown.length})` : shown,
      true,
    )
    const since = client.messages.length
    client.send(message)
    const answer = await client
      .until(
        () =>
          client.messages.slice(since).find((text) => !text.startsWith('{"method"')) ??
          (this.isOpen ? undefined : 'closed'),
        3000,
      )
      .catch(() => undefined)
    settle(rawOutcome(answer))
  }

  /** Sends a notification, and records whether the connection outlives it. */
  async tell(method: string, params?: unknown): Promise<void> {
    const settle = this.#recorder.record(method, params, true)
    this.client.notify(method, this.#recorder.filled(params))
    for (let waited = 0; waited < 300 && this.isOpen; waited += 20) await sleep(20)
    settle(
      this.isOpen
        ? { kind: 'result', value: 'the connection lives' }
        : { kind: 'nothing', why: 'the connection was closed' },
    )
  }

  /** The handshake, which other cases are about. */
  async shakeHands(resumeSessionId: string | null = null): Promise<string> {
    const { sessionId } = await this.client.request('initialize', { clientName: 'parity', resumeSessionId })
    this.client.notify('initialized', {})
    return sessionId as string
  }

  /** Waits for the end of a process, and records its notifications: joined, as nobody promises how they are cut. */
  async finish(processId: string): Promise<void> {
    const { client } = this
    const methods = ['process/output', 'process/exited', 'process/closed']
    const settle = methods.map((method) => this.#recorder.record(method, { processId }, false))
    // The reference's notifications overtake one another: all those up to the last one's number are waited for.
    const isWhole = (): boolean => {
      const events = client.eventsOf(processId)
      const last = events.find(({ method }) => method === 'process/closed')?.params.seq
      return last !== undefined && events.length >= last
    }
    const ended = await client.until(isWhole, PATIENCE_MS).then(
      () => true,
      () => false,
    )
    if (!ended) return settle.forEach((one) => one({ kind: 'nothing', why: 'process/closed did not come' }))
    const events = client.eventsOf(processId)
    const streams = new Set(
      events.flatMap(({ params }) => (typeof params['stream'] === 'string' ? [params['stream']] : [])),
    )
    const output = [...streams].sort().map((stream) => [stream, asText(client.outputOf(processId, stream))])
    const seqs = events.map(({ params }) => params.seq).sort((one, other) => one - other)
    const last = events.find(({ method }) => method === 'process/closed')?.params.seq
    const values: object[] = [
      { output: Object.fromEntries(output), dense: seqs.every((seq, index) => seq === index + 1) },
      ...methods.slice(1).map((method) => {
        const found = events.filter((event) => event.method === method)
        const { seq, ...rest } = found[0]?.params ?? { seq: 0 }
        return { ...rest, times: found.length, hasSeq: seq > 0, closedIsLast: last === seqs.at(-1) }
      }),
    ]
    settle.forEach((one, index) => one({ kind: 'result', value: values[index] }))
  }

  /** Adds something else that is compared. */
  note(what: string, value: unknown): void {
    this.#recorder.record(what, {}, false)({ kind: 'result', value })
  }

  /** Waits until a process has written so many bytes. */
  async wrote(processId: string, bytes: number): Promise<void> {
    await this.client
      .until(() => this.client.outputOf(processId).length >= bytes, PATIENCE_MS, `output of ${processId}`)
      .catch(() => {})
  }

  /** Waits for the end of a streamed body, and records it joined. */
  async body(requestId: string, patienceMs = PATIENCE_MS): Promise<void> {
    const { client } = this
    const settle = this.#recorder.record('http/request/bodyDelta', { requestId }, false)
    const deltas = () =>
      client.notifications.filter(
        ({ method, params }) => method === 'http/request/bodyDelta' && params['requestId'] === requestId,
      )
    const ended = await client
      .until(() => deltas().some(({ params }) => params['done'] === true), patienceMs)
      .then(
        () => true,
        () => false,
      )
    const all = deltas()
    const bytes = Buffer.concat(all.map(({ params }) => Buffer.from(String(params['deltaBase64']), 'base64')))
    const last = all.at(-1)?.params
    const value = {
      bodyBase64: bytes.toString('base64'),
      members: Object.keys(last ?? {})
        .sort()
        .join(' '),
      dense: all.every(({ params }, index) => params.seq === index + 1),
      ends: ended
        ? `${all.filter(({ params }) => params['done'] === true).length} time, last: ${last?.['done']}`
        : 'never',
      error: last?.['error'] === null ? 'null' : typeof last?.['error'],
      lastIsEmpty: last?.['deltaBase64'] === '',
    }
    settle({ kind: 'result', value })
  }

  /** Records how often a notification came, and with what, after it had its time. */
  async notified(method: string, waitMs: number, times = 1): Promise<void> {
    const settle = this.#recorder.record(method, {}, false)
    const found = () => this.client.notifications.filter((notification) => notification.method === method)
    await this.client.until(() => found().length >= times, waitMs).catch(() => {})
    settle({ kind: 'result', value: found().map(({ params }) => params) })
  }

  async drop(): Promise<void> {
    await this.client.drop()
  }
}

const outcomeOf = ({ result, error }: Answer): Outcome =>
  error === undefined ? { kind: 'result', value: result } : { kind: 'error', code: error.code, message: error.message }

/** With the id as text, whose digits matter. */
function rawOutcome(text: string | undefined): Outcome {
  if (text === undefined) return { kind: 'nothing', why: 'no answer came' }
  if (text === 'closed') return { kind: 'nothing', why: 'the connection was closed' }
  const id = /"id":("(?:[^"\\]|\\.)*"|-?\d+)/.exec(text)?.[1] ?? 'none'
  const { result, error } = JSON.parse(text) as Answer
  const members = Object.keys(JSON.parse(text) as object)
    .sort()
    .join(' ')
  return {
    kind: 'result',
    value: { id, members, code: error?.code ?? 'none', ...(result === undefined ? {} : { result }) },
  }
}

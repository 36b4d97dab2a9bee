/** Fake peers of HTTP requests, scripted by the test. */
import type { HttpRequest, HttpResponse } from '../../../src/core/base/host.ts'
import { fakeServer } from './fake-host.ts'
import { MemoryClient } from './memory-transport.ts'
import type { Answer } from './memory-transport.ts'

/** The web server's side of an exchange. */
export class Peer implements HttpResponse {
  readonly request: HttpRequest
  readonly signal: AbortSignal
  status = 200
  headers: { name: string; value: string }[] = []
  isCancelled = false
  /** Number of pieces that the server has read. */
  taken = 0
  readonly #pieces: (Uint8Array | Error | undefined)[] = []
  #wanted: { resolve: (piece: Uint8Array | undefined) => void; reject: (error: unknown) => void } | undefined
  readonly #answered = Promise.withResolvers<HttpResponse>()

  constructor(request: HttpRequest, signal: AbortSignal) {
    this.request = request
    this.signal = signal
    signal.addEventListener('abort', () => {
      this.#answered.reject(signal.reason)
      this.#wanted?.reject(signal.reason)
      this.#wanted = undefined
    })
    this.#answered.promise.catch(() => {})
  }

  get response(): Promise<HttpResponse> {
    return this.#answered.promise
  }

  /** Sends the head of the response. */
  answer(status = 200, ...headers: [string, string][]): this {
    this.status = status
    this.headers = headers.map(([name, value]) => ({ name, value }))
    this.#answered.resolve(this)
    return this
  }

  fail(error: Error): void {
    this.#answered.reject(error)
  }

  /** Sends pieces of the body. An error aborts it, undefined ends it. */
  send(...pieces: (Uint8Array | string | Error | undefined)[]): this {
    this.#pieces.push(...pieces.map((piece) => (typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)))
    this.#flow()
    return this
  }

  end(): this {
    return this.send(undefined)
  }

  #flow(): void {
    const wanted = this.#wanted
    if (wanted === undefined || this.#pieces.length === 0) return
    this.#wanted = undefined
    const piece = this.#pieces.shift()
    this.taken++
    if (piece instanceof Error) wanted.reject(piece)
    else wanted.resolve(piece)
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#wanted !== undefined) throw new Error('read twice at once')
    if (this.signal.aborted) return Promise.reject(this.signal.reason)
    return new Promise((resolve, reject) => {
      this.#wanted = { resolve, reject }
      this.#flow()
    })
  }

  cancel(): void {
    this.isCancelled = true
  }
}

/** Params of http/request/bodyDelta. */
export type Delta = { requestId: string; seq: number; deltaBase64: string; done: boolean; error: string | null }

/** The minimal params of http/request. */
export const LEAST = { method: 'GET', url: 'http://here.test/', requestId: 'r' }

/** A fake server, a client of it, and the peers of its HTTP requests. */
export async function setup(limits: object = {}) {
  const fake = fakeServer(limits)
  const peers: Peer[] = []
  fake.host.serveHttp = (request, signal) => {
    const peer = new Peer(request, signal)
    peers.push(peer)
    return peer.response
  }
  const client = await MemoryClient.ready(fake.server)
  return {
    ...fake,
    peers,
    client,
    peer: (index = peers.length - 1): Peer => {
      const peer = peers[index]
      if (peer === undefined) throw new Error(`there is no exchange ${index}`)
      return peer
    },
    begin: (more: object = {}, by = client) => by.begin('http/request', { ...LEAST, ...more }),
    stream: (requestId: string, more: object = {}, by = client) =>
      by.begin('http/request', { ...LEAST, requestId, streamResponse: true, ...more }),
  }
}

/** All deltas of a streamed body so far. */
export const deltas = (client: MemoryClient, requestId: string): Delta[] =>
  client.received
    .filter((message) => 'method' in message && message.method === 'http/request/bodyDelta')
    .map((message) => (message as unknown as { params: Delta }).params)
    .filter((delta) => delta.requestId === requestId)

/** The streamed body so far. */
export const bodyOf = (client: MemoryClient, requestId: string): Buffer =>
  Buffer.concat(deltas(client, requestId).map(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64')))

/** The response to a request; throws if there is none yet. */
export const answered = (client: MemoryClient, id: number): Answer => {
  const answer = client.answer(id)
  if (answer === undefined) throw new Error(`request ${id} is not answered`)
  return answer
}

/** Fake network peers, scripted by the test. */
import type { NetSocket } from '../../../src/core/net/net-host.ts'
import type { NetTarget } from '../../../src/protocol/schemas/net.ts'
import { fakeServer } from './fake-host.ts'
import { MemoryClient } from './memory-transport.ts'

/** The server's end of a connection. */
export class FakeSocket implements NetSocket {
  readonly remote = { address: '127.0.0.1', port: 80 }
  /** What the client has written and the peer has not taken. */
  readonly written: Uint8Array[] = []
  hasEnded = false
  isClosed = false
  /** Number of pieces that the server has read. */
  taken = 0
  readonly closed: Promise<Error | undefined>
  readonly #settle: (error: Error | undefined) => void
  readonly #pieces: (Uint8Array | undefined)[] = []
  readonly #dones: (() => void)[] = []
  #wake: (() => void) | undefined

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    this.closed = promise
    this.#settle = resolve
  }

  // ---- called by the test ----

  /** The peer sends. Undefined is its end. */
  sends(...pieces: (string | Uint8Array | undefined)[]): void {
    this.#pieces.push(...pieces.map((piece) => (typeof piece === 'string' ? new TextEncoder().encode(piece) : piece)))
    this.#wake?.()
  }

  /** The peer takes so many writes. */
  takes(count = Infinity): void {
    for (const done of this.#dones.splice(0, count)) done()
  }

  /** The connection is closed, or breaks off. */
  breaks(error?: Error): void {
    this.isClosed = true
    this.#wake?.()
    this.#settle(error)
  }

  get input(): string {
    return this.written.map((bytes) => new TextDecoder().decode(bytes)).join('')
  }

  // ---- called by the server ----

  async read(): Promise<Uint8Array | undefined> {
    while (this.#pieces.length === 0) {
      if (this.isClosed) throw new Error('broken off')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.taken++
    return this.#pieces.shift()
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.written.push(bytes.slice())
    this.#dones.push(done)
  }

  end(): void {
    this.hasEnded = true
  }

  close(): void {
    this.breaks()
  }
}

/** A fake server, a client of it, and the connections that the server opens. */
export async function netSetup(limits: object = {}) {
  const fake = fakeServer(limits)
  const sockets: FakeSocket[] = []
  const targets: NetTarget[] = []
  const accepts: ((socket: NetSocket) => void)[] = []
  const state = { openListeners: 0 }
  /** Replace it to refuse, or to wait. */
  const opening = { connect: async (socket: FakeSocket): Promise<NetSocket> => socket }
  fake.host.net = {
    isOffered: true,
    ports: undefined,
    connect: (target) => {
      const socket = new FakeSocket()
      sockets.push(socket)
      targets.push(target)
      return opening.connect(socket)
    },
    listen: async (target, accept) => {
      targets.push(target)
      accepts.push(accept)
      state.openListeners++
      return { local: { address: '127.0.0.1', port: 8080 }, close: () => void state.openListeners-- }
    },
  }
  const client = await MemoryClient.ready(fake.server)
  return { ...fake, client, sockets, targets, accepts, state, opening }
}

/** The notifications of a connection so far, in order, with what they carry. */
export function told(client: MemoryClient, connectionId: string): string[] {
  return client.received.flatMap((message) => {
    if (!('method' in message)) return []
    const { method, params } = message as unknown as { method: string; params: Record<string, unknown> }
    if (params['connectionId'] !== connectionId) return []
    if (method === 'net/accepted') return ['accepted']
    if (method === 'net/written') return [`written ${params['seq']}`]
    if (method === 'net/closed') return [`closed ${params['error']}`]
    if (params['done'] === true) return [`end ${params['error']}`]
    return [`data ${atob(String(params['deltaBase64']))}`]
  })
}

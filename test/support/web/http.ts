/** Fixtures of the http/request tests: a real server, real web servers, and requests to them. */
import { readdirSync, readFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../client.ts'
import type { Answer } from '../client.ts'
import { eventually, sleep, startServer } from '../server.ts'
import type { RunningServer } from '../server.ts'
import { startStdioServer } from '../stdio-server.ts'
import { suite } from '../suite.ts'
import { plainEnvironment, Web } from './web.ts'
import type { Serve } from './web.ts'
import type { Socket } from 'node:net'

export const MiB = 1024 * 1024

/** Params of http/request/bodyDelta. */
export type Delta = { requestId: string; seq: number; deltaBase64: string; done: boolean; error: string | null }

let requests = 0

/** Sends http/request for a URL. Fails after `ms`. */
export async function ask(client: Client, url: string, more: object = {}, ms = 50_000): Promise<Answer> {
  const answer = client.ask('http/request', { method: 'GET', url, requestId: `r${++requests}`, ...more })
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${ms} ms to ${JSON.stringify({ url, ...more }).slice(0, 200)}`)),
    ms,
  )
  return Promise.race([answer, promise]).finally(() => clearTimeout(timer))
}

/** The body of a response as text; throws for an error. */
export const textOf = ({ result, error }: Answer): string => {
  if (error !== undefined) throw new Error(error.message)
  return Buffer.from(result.bodyBase64, 'base64').toString()
}

/** All values of a response header. */
export const headersOf = ({ result }: Answer, name: string): string[] =>
  (result.headers as { name: string; value: string }[]).filter((each) => each.name === name).map(({ value }) => value)

/** All deltas of a streamed body so far. */
export const deltasOf = (client: Client, requestId: string): Delta[] =>
  client.notifications
    .filter(({ method }) => method === 'http/request/bodyDelta')
    .map(({ params }) => params as unknown as Delta)
    .filter((delta) => delta.requestId === requestId)

/** The streamed body so far. */
export const bodyOf = (client: Client, requestId: string): Buffer =>
  Buffer.concat(deltasOf(client, requestId).map(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64')))

/** Waits for the last delta of a stream. */
export const endOf = (client: Client, requestId: string): Promise<Delta> =>
  client.until(() => deltasOf(client, requestId).find(({ done }) => done), 50_000, `the end of ${requestId}`)

/** Sends http/request with a streamed response. */
export const stream = (client: Client, requestId: string, url: string, more: object = {}): Promise<Answer> =>
  ask(client, url, { requestId, streamResponse: true, ...more })

/** Number of open file descriptors of a server. */
export const openFiles = (server: RunningServer): number => readdirSync(`/proc/${server.child.pid}/fd`).length
/** Anonymous resident memory of a server, in bytes. */
export const resident = (server: RunningServer): number =>
  Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'latin1'))?.[1]) * 1024

/** Runs `use` with its own server and client. */
export async function withServer(
  args: readonly string[],
  env: Record<string, string>,
  use: (client: Client, server: RunningServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(args, plainEnvironment(env))
  try {
    const client = await Client.connect(server.url)
    await use(client, server)
    await client.drop()
    assert.is(server.stderr(), '')
  } finally {
    await server.stop()
  }
}

/** The handshake as stdio lines. */
export const HANDSHAKE = '{"id":1,"method":"initialize","params":{"clientName":"x"}}\n{"method":"initialized"}\n'
/** An http/request as a stdio line. */
export const request = (id: number, url: string, more: object = {}): string =>
  `${JSON.stringify({ id, method: 'http/request', params: { method: 'GET', url, requestId: `r${id}`, ...more } })}\n`

/** Starts a server on stdio and parses its output. */
export function startStdio() {
  const server = startStdioServer('stdio', plainEnvironment())
  const messages = (): { id?: number; result?: { bodyBase64: string }; error?: { code: number }; params?: Delta }[] =>
    server.lines.map((line) => JSON.parse(line))
  return {
    ...server,
    messages,
    answer: (id: number) => messages().find((message) => message.id === id),
    deltas: () => messages().flatMap(({ params }) => (params === undefined ? [] : [params])),
  }
}

/** Number of equal readings in a row that count as stable. */
const STABLE_SCANS = 30

/** Waits until a non-zero count is stable, and resolves with it. `roundTrip` runs between two readings. */
export async function standstill(
  count: () => number,
  roundTrip: () => Promise<unknown> = () => sleep(5),
): Promise<number> {
  await eventually(() => count() > 0)
  let seen = -1
  for (let quiet = 0; quiet < STABLE_SCANS; quiet++) {
    await roundTrip()
    if (count() !== seen) quiet = 0
    seen = count()
  }
  return seen
}

/** Waits until the peer of a local connection has read everything written to `socket`. */
export async function readByPeer(socket: Socket): Promise<void> {
  if (process.platform !== 'linux') return sleep(200)
  const port = (number = 0): string => `:${number.toString(16).toUpperCase().padStart(4, '0')}`
  const [here, there] = [port(socket.localPort), port(socket.remotePort)]
  await eventually(() => {
    const rows = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
    // Columns: sl, local address, remote address, state, tx_queue:rx_queue (unacknowledged and unread bytes).
    const queues = (local: string, remote: string): string[] =>
      rows.find(([, from, to]) => from?.endsWith(local) && to?.endsWith(remote))?.[4]?.split(':') ?? []
    return Number(`0x${queues(here, there)[0]}`) === 0 && Number(`0x${queues(there, here)[1]}`) === 0
  })
}

/** A suite with one server, one client and one web server for all its tests. */
export function household(title: string, env: Record<string, string> = {}, options: { limitMs?: number } = {}) {
  const test = suite(title, options)
  const house = { test } as {
    test: typeof test
    server: RunningServer
    client: Client
    web: Web
    serve: (serve: Serve) => void
  }
  test.before(async () => {
    house.web = await Web.start(() => {})
    house.server = await startServer([], plainEnvironment(env))
    house.client = await Client.connect(house.server.url)
    house.serve = (serve) => (house.web.serve = serve)
  })
  test.before.each(() => {
    house.web.asked.length = 0
    house.client.notifications.length = house.client.messages.length = 0
  })
  test.after(async () => {
    await house.client.drop()
    await house.server.stop()
    await house.web.stop()
    assert.is(house.server.stderr(), '')
  })
  return house
}

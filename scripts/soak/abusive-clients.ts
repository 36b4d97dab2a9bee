/** Clients that break the protocol, each on a connection of its own. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { clientFrame } from '../bench/raw-client.ts'
import type { Endpoint } from './endpoints.ts'
import type { Disruption } from './disruptions.ts'
import type { Random } from './random.ts'

/** How long a server may take to answer, or to close what it cannot go on with. */
const REACTION_MS = 60_000
const LINGER_MS = 1500

type AbusiveClient = {
  name: string
  says: (random: Random) => (string | Buffer)[]
  /** What the server must say before it closes; without it the peer just leaves. */
  expects?: RegExp
}

const upgrade = (more = ''): string =>
  'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n${more}\r\n`

const get = (path: string, more = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}\r\n`

const REQUEST = '{"id":1,"method":"initialize","params":{"clientName":"abusive","resumeSessionId":null}}'
const SWITCHED = /^HTTP\/1\.1 101 /
/** The header of a frame of 17 MiB, and a frame that is not masked. */
const TOO_LONG = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0])
const UNMASKED = Buffer.from([0x81, 2, 0x7b, 0x7d])
/** Reserved bits, and an opcode that there is not. */
const NO_FRAME = Buffer.from([0xf3])

const abusiveClients: readonly AbusiveClient[] = [
  { name: 'says nothing', says: () => [] },
  { name: 'says half a request', says: (random) => [upgrade().slice(0, random.whole(1, upgrade().length - 1))] },
  { name: 'says noise', says: (random) => [random.bytes(random.size(1, 10_000))] },
  { name: 'leaves after the upgrade', says: () => [upgrade()] },
  {
    name: 'leaves within a frame',
    says: (random) => [upgrade(), clientFrame(REQUEST).subarray(0, random.whole(1, REQUEST.length))],
  },
  { name: 'leaves after a request', says: () => [upgrade(), clientFrame(REQUEST)] },
  { name: 'does not mask', says: () => [upgrade(), UNMASKED], expects: SWITCHED },
  { name: 'begins a frame that is too long', says: () => [upgrade(), TOO_LONG], expects: SWITCHED },
  { name: 'sends noise for frames', says: (random) => [upgrade(), NO_FRAME, random.bytes(500)], expects: SWITCHED },
  {
    name: 'comes from a browser',
    says: () => [get('/readyz', 'Origin: http://example.com\r\n')],
    expects: /^HTTP\/1\.1 403 /,
  },
  { name: 'asks whether it is ready', says: () => [get('/readyz')], expects: /^HTTP\/1\.1 200 / },
  { name: 'asks for what is not there', says: () => [get('/nothing/here')], expects: /^HTTP\/1\.1 404 / },
]

/** The share of peers that go at once. */
const HASTE = 0.3

export async function runAbusiveClients(
  endpoint: Endpoint,
  { ledger, random, isOver }: Disruption,
  meanMs: number,
): Promise<void> {
  while (!isOver()) {
    await sleep(random.pause(meanMs))
    const abusive = random.pick(abusiveClients)
    ledger.count(ledger.disruptions, `a peer that ${abusive.name}`)
    await meet(endpoint, abusive, random, (what) => ledger.fault(`a peer that ${abusive.name}: ${what}`))
  }
}

async function meet(
  endpoint: Endpoint,
  { says, expects }: AbusiveClient,
  random: Random,
  fault: (what: string) => void,
): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(endpoint.url).port), noDelay: true })
  const isHasty = random.chance(HASTE)
  let heard = ''
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')))
  socket.on('error', () => {})
  const closed = new Promise<true>((resolve) => socket.once('close', () => resolve(true)))
  for (const each of says(random)) {
    socket.write(each)
    // A few bytes at a time, as slow networks bring them.
    if (!isHasty) await sleep(random.whole(0, 20))
  }
  if (expects !== undefined && !isHasty) await expectClose(socket, closed, () => heard, expects, fault)
  else if (!isHasty) await Promise.race([closed, sleep(random.whole(0, LINGER_MS))])
  if (random.chance(0.5)) socket.resetAndDestroy()
  else socket.destroy()
  await closed
}

async function expectClose(
  socket: Socket,
  closed: Promise<true>,
  heard: () => string,
  expects: RegExp,
  fault: (what: string) => void,
) {
  // Once it has ended its side it waits for ours.
  socket.once('end', () => socket.end())
  if ((await Promise.race([closed, sleep(REACTION_MS)])) !== true) fault(`not closed within ${REACTION_MS} ms`)
  if (!expects.test(heard())) fault(`heard ${JSON.stringify(heard().slice(0, 100))}`)
}

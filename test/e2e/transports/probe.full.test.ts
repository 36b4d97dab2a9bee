/** Sessions whose connection a network has dropped without a word: their client comes back, and is let in soon. */
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { Client } from '../../support/client.ts'
import { openFaultListener } from '../../support/faults/fault-listener.ts'
import type { FaultListener } from '../../support/faults/fault-listener.ts'
import { sleep } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const PROBE_MS = 300
/** Timers and clocks may be off by this much. */
const ROUNDING_MS = 10

type Relay = { url: string; halve(): void; close(): void }

/** Hands bytes on between clients and the server, until it is told to stop; then both sides hear nothing, not even an end. */
async function startRelay(to: string): Promise<Relay> {
  const { port } = new URL(to.replace('ws:', 'http:'))
  const sockets: Socket[] = []
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far)
    far.pipe(near)
    sockets.push(near, far)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    halve: () => {
      for (const socket of sockets) {
        socket.unpipe()
        socket.pause()
      }
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Clients wait between their attempts. */
const RETRY_MS = 50

/** Tries as clients do, and returns how long it took and how often it was refused. */
async function comeBack(url: string, sessionId: string): Promise<{ client: Client; ms: number; refusals: number }> {
  const since = performance.now()
  for (let refusals = 0; ; refusals++) {
    const client = await Client.open(url)
    const { error } = await client.ask('initialize', { clientName: 'heir', resumeSessionId: sessionId })
    if (error === undefined) {
      client.notify('initialized', {})
      return { client, ms: performance.now() - since, refusals }
    }
    assert.is(error.code, ErrorCode.SessionAttached)
    await client.close()
    await sleep(RETRY_MS)
  }
}

async function withListener(use: (listener: FaultListener, relay: Relay) => Promise<void>): Promise<void> {
  const listener = await openFaultListener({ probeMs: PROBE_MS })
  const relay = await startRelay(listener.url)
  try {
    await use(listener, relay)
  } finally {
    relay.close()
    listener.close()
  }
}

for (const [what, script] of [
  ['is silent', 'echo first; sleep 30'],
  ['writes a little now and then', 'while :; do echo tick; sleep 0.05; done'],
  ['floods', 'yes'],
] as const) {
  test(`a client that was cut off without a word is let in soon, while its process ${what}`, () =>
    withListener(async ({ url }, relay) => {
      const lost = await Client.connect(relay.url)
      await lost.start('p', ['/bin/sh', '-c', script])
      await lost.until(() => lost.outputOf('p').length > 0)
      relay.halve()
      const { client, ms, refusals } = await comeBack(url, lost.sessionId)
      assert.ok(refusals >= 1, 'the first attempt is refused at once')
      assert.ok(ms >= PROBE_MS - ROUNDING_MS, `${ms} ms`)
      assert.equal(await client.request('process/terminate', { processId: 'p' }), { running: true })
      await client.drop()
      await lost.drop()
    }))
}

test('who is there keeps the session, however often others ask for it', () =>
  withListener(async ({ url }, relay) => {
    const holder = await Client.connect(relay.url)
    let pings = 0
    holder.socket.on('ping', () => pings++)
    const thief = await Client.open(url)
    const since = performance.now()
    while (pings < 3) {
      const { error } = await thief.ask('initialize', { clientName: 'x', resumeSessionId: holder.sessionId })
      assert.is(error?.code, ErrorCode.SessionAttached)
    }
    // One at a time, for all of the attempts.
    assert.ok(performance.now() - since >= 2 * (PROBE_MS - ROUNDING_MS))
    assert.is(holder.closeCode, undefined)
    assert.equal(await holder.request('environment/status', null), { status: 'ready' })
    await thief.close()
    await holder.close()
  }))

test('whatever the holder sends is a sign of life, also without pongs', () =>
  withListener(async ({ url }) => {
    const holder = await Client.open(url, { autoPong: false })
    const { sessionId } = await holder.request('initialize', { clientName: 'mute' })
    holder.notify('initialized', {})
    const thief = await Client.open(url)
    let pings = 0
    holder.socket.on('ping', () => pings++)
    while (pings < 3) {
      await thief.ask('initialize', { clientName: 'x', resumeSessionId: sessionId })
      assert.equal(await holder.request('environment/status', null), { status: 'ready' })
    }
    assert.is(holder.closeCode, undefined)
    await thief.close()
    await holder.close()
  }))

test.run()

/** Peers that have gone without a word. The door runs in here, with a shorter interval. */
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { defaultLimits } from '../../src/core/limits.ts'
import { createExecServer } from '../../src/core/server.ts'
import { systemClock } from '../../src/host/clock.ts'
import { createHost } from '../../src/host/index.ts'
import { openGate } from '../../src/server/gate.ts'
import { anyHost } from '../../src/server/host-check.ts'
import { openListener } from '../../src/server/listener.ts'
import { openWebSocketDoor } from '../../src/server/websocket-door.ts'
import { Client } from '../support/client.ts'
import { sleep } from '../support/server.ts'
import { test } from '../support/suite.ts'

test('a peer that misses two pings is gone, and its session is free', async () => {
  const limits = { ...defaultLimits, pingIntervalMs: 100 }
  const server = createExecServer({
    host: createHost({ sandbox: { required: false }, limits, report: (fault) => assert.unreachable(String(fault)) }),
    clock: systemClock,
    limits,
  })
  const listener = await openListener('127.0.0.1', 0)
  const { url } = listener
  openWebSocketDoor(server, listener, { gate: openGate, checkHost: anyHost, metrics: () => '' })

  const lively = await Client.connect(url)
  const dead = new WebSocket(url, { autoPong: false })
  await once(dead, 'open')
  dead.send('{"id":1,"method":"initialize","params":{"clientName":"x"}}')
  const [answer] = (await once(dead, 'message')) as [Buffer]
  const { sessionId } = JSON.parse(answer.toString()).result
  let pings = 0
  dead.on('ping', () => pings++)
  const start = Date.now()
  await once(dead, 'close')
  assert.is(pings, 2)
  assert.ok(Date.now() - start < 1000)

  const heir = await Client.connect(url, sessionId)
  assert.is(heir.sessionId, sessionId)
  await sleep(500)
  // Those that answer stay.
  assert.equal(await lively.request('environment/status', null), { status: 'ready' })
  await lively.close()
  await heir.close()
  listener.close()
  server.shutdown()
})

test.run()

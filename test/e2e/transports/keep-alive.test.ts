/** Peers that have gone without a word. The server runs in this process, with a shorter interval. */
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { createExecServer } from '../../../src/core/rpc/server.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { createHost } from '../../../src/host/index.ts'
import { allowAll } from '../../../src/server/auth/authenticator.ts'
import { anyHost } from '../../../src/server/http/host-check.ts'
import { openListener } from '../../../src/server/http/listener.ts'
import { serveWebSockets } from '../../../src/server/transports/websocket.ts'
import { Client } from '../../support/client.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'

test('a peer that misses two pings is gone, and its session is free', async () => {
  const limits = { ...defaultServeLimits, pingIntervalMs: 100 }
  const server = createExecServer({
    host: createHost({ sandbox: { required: false }, limits, report: (fault) => assert.unreachable(String(fault)) }),
    clock: systemClock,
    limits,
  })
  const listener = await openListener('127.0.0.1', 0)
  atEnd(() => {
    listener.close()
    server.shutdown()
  })
  const { url } = listener
  serveWebSockets(server, listener, { limits, authenticator: allowAll, checkHost: anyHost, metrics: () => '' })

  const lively = await Client.connect(url)
  const dead = new WebSocket(url, { autoPong: false })
  atEnd(() => dead.terminate())
  await once(dead, 'open')
  dead.send('{"id":1,"method":"initialize","params":{"clientName":"x"}}')
  const [answer] = (await once(dead, 'message')) as [Buffer]
  const { sessionId } = JSON.parse(answer.toString()).result
  let pings = 0
  dead.on('ping', () => pings++)
  await once(dead, 'close')
  assert.is(pings, 2)

  const heir = await Client.connect(url, sessionId)
  assert.is(heir.sessionId, sessionId)
  // Those that answer stay, for longer than the two pings that the other had.
  for (let count = 0; count < 4; count++) await Promise.all([lively, heir].map(({ socket }) => once(socket, 'ping')))
  assert.equal(await lively.request('environment/status', null), { status: 'ready' })
  assert.equal(await heir.request('environment/status', null), { status: 'ready' })
  await lively.close()
  await heir.close()
})

test.run()

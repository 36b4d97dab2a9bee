/** A WebSocket that was upgraded but cannot be served. */
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
import { eventually } from '../../support/server.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'

const limits = { ...defaultServeLimits }
const broken = (): never => {
  throw new Error('broken')
}
const spoiledLimits = Object.create(limits, { pingIntervalMs: { get: broken } }) as typeof limits

for (const [when, spoiled] of [
  ['before it has a connection', { connect: broken }],
  ['after it has a connection', {}],
] as const) {
  test(`an error in its set-up, ${when}, closes it with 1011 and is reported`, async () => {
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
    const faults: string[] = []
    const serving = serveWebSockets({ ...server, ...spoiled }, listener, {
      limits: spoiledLimits,
      authenticator: allowAll,
      checkHost: anyHost,
      metrics: () => '',
      report: (fault) => faults.push(String(fault)),
    })
    const websocket = new WebSocket(listener.url)
    const [code] = (await once(websocket, 'close')) as [number]
    assert.is(code, 1011)
    assert.equal(faults, ['Error: broken'])
    // The server sees the end of the TCP connection after its client.
    await eventually(() => serving.connections() === 0 && server.snapshot().connections === 0)
  })
}

test.run()

/** Peers that have gone without a word. The server runs in this process, with a shorter interval. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { createExecServer } from '../../../src/core/rpc/server.ts'
import type { ExecServer } from '../../../src/core/rpc/server.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { createHost } from '../../../src/host/index.ts'
import { allowAll } from '../../../src/server/auth/authenticator.ts'
import { anyHost } from '../../../src/server/http/host-check.ts'
import { openListener } from '../../../src/server/http/listener.ts'
import type { ServeLimits } from '../../../src/server/serve.ts'
import { serveWebSockets } from '../../../src/server/transports/websocket.ts'
import { Client } from '../../support/client.ts'
import { eventually } from '../../support/server.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'

const MiB = 1024 * 1024

async function serve(limits: ServeLimits): Promise<{ server: ExecServer; url: string }> {
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
  serveWebSockets(server, listener, { limits, authenticator: allowAll, checkHost: anyHost, metrics: () => '' })
  return { server, url: listener.url }
}

test('a peer that misses two pings is gone, and its session is free', async () => {
  const { url } = await serve({ ...defaultServeLimits, pingIntervalMs: 100 })
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

test.full('a peer that takes none of its answers is gone, too', async () => {
  const { server, url } = await serve({ ...defaultServeLimits, outboundTotal: MiB, pingIntervalMs: 100 })
  const folder = mkdtempSync(join(tmpdir(), 'keep-alive-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'large')
  writeFileSync(path, '')
  truncateSync(path, 8 * MiB)
  const stuck = await Client.connect(url)
  stuck.socket.pause()
  for (let count = 0; count < 5; count++) void stuck.ask('fs/readFile', { path })
  await eventually(() => server.snapshot().connections === 0)
})

test.run()

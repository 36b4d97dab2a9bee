/** What the metrics say of previews. */
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { PreviewTraffic } from '../../../src/server/telemetry/preview-traffic.ts'
import { atEnd } from '../../support/scope.ts'
import { test } from '../../support/suite.ts'
import { get, open, program, serve } from '../preview/in-process.ts'

test('connections and bytes are counted while a connection is open, and after it has ended', async () => {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => server.close())
  const traffic = new PreviewTraffic()
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  traffic.add(socket)
  socket.write('hello')
  await once(socket, 'data')
  assert.equal(traffic.counts(), { open: 1, opened: 1, sent: 5, received: 5 })
  socket.end()
  await once(socket, 'close')
  assert.equal(traffic.counts(), { open: 0, opened: 1, sent: 5, received: 5 })
})

test('each request of a preview counts as a connection to its program', async () => {
  const traffic = new PreviewTraffic()
  const server = await serve({ traffic })
  const port = await program((_, response) => response.end('x'.repeat(1000)))
  const page = await open(server, port)
  const before = traffic.counts().opened
  for (let count = 0; count < 3; count++) assert.is((await get(server, '/', page)).text.length, 1000)
  const { opened, received } = traffic.counts()
  assert.is(opened - before, 3)
  assert.ok(received >= 3000, String(received))
})

test.run()

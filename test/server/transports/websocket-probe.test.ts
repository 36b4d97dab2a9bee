import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { pendingWriteBytes } from '../../../src/host/node-internals.ts'
import { watchQueue } from '../../../src/server/transports/websocket-probe.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

/** More than the sockets of a connection hold. */
const MUCH = new Uint8Array(16 * 1024 * 1024)

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [peer] = (await once(server, 'connection')) as [Socket]
  atEnd(() => {
    client.destroy()
    peer.destroy()
    server.close()
  })
  return [client, peer]
}

const onNode = isDeno ? test.skip : test

onNode('a peer has taken something when some of what was queued is gone', async () => {
  const [socket, peer] = await pair()
  const tookQueued = watchQueue(socket)
  socket.write(MUCH)
  await eventually(() => pendingWriteBytes(socket) > 0)
  tookQueued()
  assert.not(tookQueued())
  peer.resume()
  await eventually(tookQueued)
})

onNode('what is written to an empty queue, such as a ping, is no sign of the peer', async () => {
  const [socket] = await pair()
  const tookQueued = watchQueue(socket)
  socket.write('ping')
  await eventually(() => pendingWriteBytes(socket) === 0)
  assert.not(tookQueued())
  assert.not(tookQueued())
})

test.run()

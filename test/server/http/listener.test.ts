/** The listening socket alone. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { openListener, whenFirstUsed } from '../../../src/server/http/listener.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isDeno } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('connections are accepted before anyone takes them, at the port of the URL', async () => {
  const listener = await openListener('127.0.0.1', 0)
  const { port } = new URL(listener.url)
  const client = connect(Number(port), '127.0.0.1')
  await once(client, 'connect')
  client.write('early')
  const socket = await new Promise<Socket>((resolve) => listener.accept(resolve))
  socket.resume()
  assert.is(String((await once(socket, 'data'))[0]), 'early')
  client.destroy()
  socket.destroy()
  listener.close()
})

test('a port in use, and an address that this machine does not have, are errors of the operating system', async () => {
  const listener = await openListener('127.0.0.1', 0)
  atEnd(listener.close)
  const codeOf = (address: string, port: number): Promise<unknown> =>
    openListener(address, port).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    )
  assert.is(await codeOf('127.0.0.1', Number(new URL(listener.url).port)), 'EADDRINUSE')
  // Deno has another code for it.
  assert.is(await codeOf('192.0.2.1', 0), isDeno ? 'EINVAL' : 'EADDRNOTAVAIL')
})

const bytesOf = async (socket: Socket): Promise<string> => {
  socket.resume()
  return String((await once(socket, 'data'))[0])
}

const knock = async (url: string, text: string): Promise<Socket> => {
  const client = connect(Number(new URL(url).port), '127.0.0.1')
  await once(client, 'connect')
  client.write(text)
  return client
}

test('what serves connections is started by the first, and gets it and the later ones', async () => {
  const listener = await openListener('127.0.0.1', 0)
  atEnd(listener.close)
  let starts = 0
  const taken: Socket[] = []
  const ready = Promise.withResolvers<void>()
  const start = async (connections: Pick<typeof listener, 'accept'>): Promise<void> => {
    starts++
    await ready.promise
    connections.accept((socket) => taken.push(socket))
  }
  whenFirstUsed(listener, start, { onRefused: () => {}, report: () => assert.unreachable() })
  assert.is(starts, 0)
  const clients = [await knock(listener.url, 'first')]
  await eventually(() => starts === 1)
  clients.push(await knock(listener.url, 'second'))
  assert.is(taken.length, 0)
  ready.resolve()
  await eventually(() => taken.length === 2)
  clients.push(await knock(listener.url, 'third'))
  await eventually(() => taken.length === 3)
  assert.equal(await Promise.all(taken.map(bytesOf)), ['first', 'second', 'third'])
  assert.is(starts, 1)
  for (const socket of [...clients, ...taken]) socket.destroy()
})

test('a start that fails drops the connections that waited, and the next one tries again', async () => {
  const listener = await openListener('127.0.0.1', 0)
  atEnd(listener.close)
  const faults: unknown[] = []
  const served: Socket[] = []
  const start = async (connections: Pick<typeof listener, 'accept'>): Promise<void> => {
    if (faults.length === 0) throw new Error('EMFILE')
    connections.accept((socket) => served.push(socket))
  }
  whenFirstUsed(listener, start, { onRefused: () => {}, report: (fault) => faults.push(fault) })
  const dropped = await knock(listener.url, 'first')
  dropped.on('error', () => {})
  dropped.resume()
  await once(dropped, 'close')
  const client = await knock(listener.url, 'second')
  await eventually(() => served.length === 1)
  assert.is(await bytesOf(served[0] as Socket), 'second')
  assert.is(faults.length, 1)
  for (const socket of [client, ...served]) socket.destroy()
})

test.run()

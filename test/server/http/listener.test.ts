/** The listening socket alone. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import { openListener } from '../../../src/server/http/listener.ts'
import { atEnd } from '../../support/scope.ts'
import { isDeno } from '../../support/server.ts'
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

test.run()

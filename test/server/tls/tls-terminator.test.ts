/** TLS on accepted sockets. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import * as assert from 'uvu/assert'
import type { Refused } from '../../../src/server/telemetry/refusals.ts'
import { createTlsTerminator } from '../../../src/server/tls/tls-terminator.ts'
import { test } from '../../support/suite.ts'
import { authority, certificate } from '../../support/web/certificate.ts'
import { get } from '../../support/web/raw-http.ts'
import { eventually } from '../../support/server.ts'
import { dial, listenThrough } from './support.ts'

const pair = { certificate: certificate.cert, key: certificate.key, fingerprint: '', expires: new Date() }

test('HTTP is served over TLS, and the socket below is known', async () => {
  const streams: Socket[] = []
  const terminator = createTlsTerminator(pair, () => {})
  const port = await listenThrough(terminator, (stream) => streams.push(stream))
  const socket = await dial(port, { ca: authority, servername: 'localhost' })
  socket.end('GET /path HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  let answer = ''
  for await (const bytes of socket) answer += String(bytes)
  assert.match(answer, /^HTTP\/1\.1 200 OK[^]*at \/path/)
  const [stream] = streams
  assert.ok(stream !== undefined)
  const carrier = terminator.carrierOf(stream)
  assert.is.not(carrier, stream)
  assert.ok(carrier.bytesRead > stream.bytesRead)
  assert.is(carrier.remotePort, stream.remotePort)
  await eventually(() => carrier.destroyed)
})

test('a plain HTTP request on a TLS port is answered with the advice to use TLS, and reported', async () => {
  const refused: Refused[] = []
  const port = await listenThrough(createTlsTerminator(pair, (each) => refused.push(each)))
  const answer = await get(port, '/')
  assert.is(answer.status, 400)
  assert.match(answer.body, /this server speaks HTTPS: use wss:\/\//)
  assert.equal(
    refused.map(({ status, reason, why }) => [status, reason, why]),
    [[400, 'tls', 'it does not speak TLS']],
  )
})

test('TLS 1.1 and what is no TLS are closed, and reported; a peer that leaves is not', async () => {
  const refused: Refused[] = []
  const sockets: Socket[] = []
  const opener = createTlsTerminator(pair, (each) => refused.push(each))
  const port = await listenThrough({
    ...opener,
    open: (socket, use) => {
      sockets.push(socket)
      opener.open(socket, use)
    },
  })
  // A ClientHello of TLS 1.1, without extensions.
  const hello = Buffer.from(`160302002d01000029${'0302'}${'00'.repeat(32)}00000200350100`, 'hex')
  for (const bytes of [hello, Buffer.from('SSH-2.0-OpenSSH_9.6\r\n')]) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume().write(bytes)
    await once(socket, 'close')
  }
  const leaving = connect(port, '127.0.0.1')
  await once(leaving, 'connect')
  leaving.destroy()
  await eventually(() => sockets.length === 3 && sockets.every(({ destroyed }) => destroyed))
  assert.is(refused.length, 2)
  for (const { why } of refused) assert.match(why, /^the TLS handshake failed: [a-z ]+$/)
})

test.run()

import * as assert from 'uvu/assert'
import { refusalError, socketError } from '../../../src/client/transports/connect-failure.ts'
import { test } from '../../support/suite.ts'

const NAME = 'ws://devbox:4600'
const refused = (status: number, body: string, server?: string) => refusalError(NAME, { status, body, server })
const failed = (properties: object, message = 'failed') =>
  socketError(NAME, Object.assign(new Error(message), properties))
const bytes = (text: string) => ({ code: 'HPE_INVALID_CONSTANT', rawPacket: Buffer.from(text, 'latin1') })

test('a refusal tells what the server says, in one line of bounded length', () => {
  const { message, status, isTransient } = refused(401, 'missing websocket bearer token\n')
  assert.is(message, `${NAME} refused the connection with HTTP status 401: missing websocket bearer token`)
  assert.equal([status, isTransient], [401, true])
  assert.is(refused(403, '').message, `${NAME} refused the connection with HTTP status 403`)
  assert.is(refused(403, '').isTransient, false)
  assert.match(refused(403, 'first\nsecond').message, /: first$/)
  assert.ok(refused(403, 'x'.repeat(5000)).message.length < 500)
  // A proxy in front of a server that is not up.
  assert.match(
    refused(502, 'Bad Gateway', 'nginx').message,
    /refused the connection with HTTP status 502: Bad Gateway$/,
  )
})

test('an answer that no exec-server gives is another program’s', () => {
  assert.is(refused(200, '<html>').message, `another program answers at ${NAME}: HTTP status 200`)
  assert.is(
    refused(404, '<html>', 'nginx/1.2').message,
    `another program answers at ${NAME}: HTTP status 404 from nginx/1.2`,
  )
  assert.is(
    failed(bytes('220 mail ESMTP\r\n')).message,
    `another program answers at ${NAME}, without HTTP: "220 mail ESMTP"`,
  )
  assert.is(failed(bytes('SSH-2.0-OpenSSH_9.6\r\n')).message, `an SSH server answers at ${NAME}, not an exec-server`)
  assert.is(failed({ code: 'ECONNRESET' }, 'socket hang up').message, `${NAME} closed the connection without an answer`)
})

test('TLS on a plain port, and no TLS where it is expected, are named', () => {
  assert.is(failed(bytes('\x15\x03\x03\x00\x02\x02\x46')).message, `${NAME} speaks TLS: use wss://`)
  assert.is(
    refused(400, 'The plain HTTP request was sent to HTTPS port', 'nginx').message,
    `${NAME} speaks TLS: use wss://`,
  )
  for (const code of ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG'])
    assert.is(failed({ code }).message, `${NAME} does not speak TLS: use ws://`)
  assert.is(
    failed({ code: 'EPROTO' }, 'write EPROTO …wrong version number…').message,
    `${NAME} does not speak TLS: use ws://`,
  )
})

test('what is wrong with a certificate is named, with the names that it is for', () => {
  for (const code of ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN'])
    assert.is(failed({ code }).message, `the certificate of ${NAME} is not of an authority that is trusted here`)
  assert.is(failed({ code: 'CERT_HAS_EXPIRED' }).message, `the certificate of ${NAME} has expired`)
  assert.is(failed({ code: 'CERT_NOT_YET_VALID' }).message, `the certificate of ${NAME} is not valid yet`)
  const cert = { subjectaltname: 'DNS:devbox.example, IP Address:192.0.2.1' }
  assert.is(
    failed({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert }).message,
    `the certificate of ${NAME} is for other names: devbox.example, 192.0.2.1`,
  )
  assert.match(failed({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }).message, /is for other names: none$/)
})

test('what the system says stays, with its code in the cause', () => {
  const error = failed({ code: 'ECONNREFUSED' }, 'connect ECONNREFUSED')
  assert.is(error.message, `cannot connect to ${NAME}: connect ECONNREFUSED`)
  assert.is((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED')
})

test.run()

import * as assert from 'uvu/assert'
import { requestHead } from '../../../src/server/accept/splice.ts'
import { test } from '../../support/suite.ts'

test('the devbox gets the upgrade request, without the token of its path and what is for accept alone', () => {
  const rawHeaders = [
    ['Host', '127.0.0.1:4600'],
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
    ['authorization', 'Bearer secret'],
    ['Cookie', 'secret'],
    ['Sec-WebSocket-Version', '13'],
    ['X-Name', 'h\u00f6st'],
  ].flat()
  assert.equal(requestHead({ rawHeaders }).toString('latin1').split('\r\n'), [
    'GET / HTTP/1.1',
    'Host: localhost',
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version: 13',
    'X-Name: h\u00f6st',
    '',
    '',
  ])
})

test.run()

import * as assert from 'uvu/assert'
import { isLoopback, isLoopbackAddress } from '../../src/base/loopback.ts'
import { test } from '../support/suite.ts'

test('loopback is localhost, 127.0.0.0/8 and ::1, in any notation that a URL accepts', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.8.7', '127.1', '0x7f000001', '[::1]', '[0:0::1]'])
    assert.ok(isLoopback(new URL(`ws://${host}:1/`).hostname), host)
  for (const host of ['example.org', '127.example.org', '10.0.0.1', '[::2]', '0.0.0.0', 'localhost.example.org'])
    assert.not.ok(isLoopback(new URL(`ws://${host}:1/`).hostname), host)
})

test('127.0.0.0/8 and ::1 are loopback addresses, in any spelling', () => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::FFFF:7f00:1'])
    assert.ok(isLoopbackAddress(address), address)
})

test('other addresses, names and zone identifiers are not', () => {
  const others = ['0.0.0.0', '::', '128.0.0.1', '12.7.0.1', '::ffff:10.0.0.1', '::1%lo', 'fe80::1', '127.1', ']:', '']
  for (const address of [...others, 'localhost', '127.0.0.1.example']) assert.not(isLoopbackAddress(address), address)
})

test.run()

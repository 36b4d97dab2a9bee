import * as assert from 'uvu/assert'
import { isLoopback } from '../../src/base/loopback.ts'
import { test } from '../support/suite.ts'

test('loopback is localhost, 127.0.0.0/8 and ::1, in any notation that a URL accepts', () => {
  for (const host of ['localhost', 'LOCALHOST', '127.0.0.1', '127.9.8.7', '127.1', '0x7f000001', '[::1]', '[0:0::1]'])
    assert.ok(isLoopback(new URL(`ws://${host}:1/`).hostname), host)
  for (const host of ['example.org', '127.example.org', '10.0.0.1', '[::2]', '0.0.0.0', 'localhost.example.org'])
    assert.not.ok(isLoopback(new URL(`ws://${host}:1/`).hostname), host)
})

test.run()

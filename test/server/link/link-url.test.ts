import * as assert from 'uvu/assert'
import { parseLinkUrl, shown } from '../../../src/server/link/link-url.ts'
import { test } from '../../support/suite.ts'

test('a server dials over TLS, on this machine, or to a unix socket', () => {
  assert.equal(parseLinkUrl('wss://laptop.example/devbox', false), {
    href: 'wss://laptop.example/devbox',
    socketPath: undefined,
    isSecure: true,
  })
  for (const url of ['ws://127.0.0.1:4601/', 'ws://[::1]:4601/', 'ws://localhost:4601/'])
    assert.equal(parseLinkUrl(url, false), { href: url, socketPath: undefined, isSecure: false })
  for (const url of ['unix:/run/a.sock', 'unix:///run/a.sock'])
    assert.is(parseLinkUrl(url, false).socketPath, '/run/a.sock')
})

test('without TLS it crosses a network only if that is allowed', () => {
  for (const url of ['ws://laptop.example:4601', 'ws://10.0.0.1:4601', 'ws://127.0.0.1.example:4601'])
    assert.throws(() => parseLinkUrl(url, false), /without TLS/)
  assert.is(parseLinkUrl('ws://10.0.0.1:4601', true).isSecure, false)
})

test('what is no such URL is refused, and its credentials are not shown', () => {
  for (const url of ['', 'laptop', 'http://laptop', 'https://laptop', 'unix:a.sock', 'stdio'])
    assert.throws(() => parseLinkUrl(url, true), /--connect takes/)
  for (const url of ['wss://me:secret@laptop', 'wss://laptop/#secret'])
    assert.throws(
      () => parseLinkUrl(url, true),
      (error: Error) => !error.message.includes('secret'),
    )
  assert.is(shown('wss://me:secret@laptop:1/a?token=secret'), 'wss://laptop:1/a')
})

test.run()

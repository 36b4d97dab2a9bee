import * as assert from 'uvu/assert'
import { linkProxy } from '../../../src/server/link/link-proxy.ts'
import { parseLinkUrl } from '../../../src/server/link/link-url.ts'
import { test } from '../../support/suite.ts'

const find = (url: string, env: Record<string, string>): string | undefined =>
  linkProxy(parseLinkUrl(url, true), env)?.href

test('over TLS the proxy for HTTPS is used, unless NO_PROXY excepts the host', () => {
  const env = { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: 'other.example:4601' }
  assert.is(find('wss://laptop.example/devbox', env), 'http://proxy.example:3128/')
  assert.is(find('wss://laptop.example/devbox', { all_proxy: 'proxy.example:3128' }), 'http://proxy.example:3128/')
  assert.is(find('wss://other.example:4601/', env), undefined)
  assert.is(find('wss://other.example/', env), 'http://proxy.example:3128/')
  assert.is(find('wss://laptop.example/', {}), undefined)
})

test('nothing without TLS goes through a proxy, and nothing on this machine', () => {
  const env = { HTTPS_PROXY: 'http://proxy.example', HTTP_PROXY: 'http://proxy.example', ALL_PROXY: 'socks5://p' }
  for (const url of ['ws://10.0.0.1:4601', 'ws://127.0.0.1:4601', 'unix:/run/a.sock', 'wss://localhost:4601'])
    assert.is(find(url, env), undefined, url)
})

test('a proxy that is none of HTTP is an error', () => {
  assert.throws(() => find('wss://laptop.example/', { ALL_PROXY: 'socks5://127.0.0.1:1080' }), /only http/)
})

test.run()

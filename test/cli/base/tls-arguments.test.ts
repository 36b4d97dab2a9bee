import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { refusalOf } from '../../support/refusal.ts'
import { test } from '../../support/suite.ts'

const parsed = (...args: string[]) => {
  const command = parseServe(args)
  return command.kind === 'serve' ? { tls: command.tls, listen: command.listen } : undefined
}

test('TLS is spoken only if a certificate is given or made, at ws:// and wss:// alike', () => {
  assert.equal(parsed(), {
    tls: undefined,
    listen: { kind: 'websocket', address: '127.0.0.1', port: 0, isSecure: false },
  })
  assert.equal(parsed('--tls-cert', 'c', '--tls-key', 'k')?.tls, { kind: 'files', certificate: 'c', key: 'k' })
  for (const scheme of ['ws', 'wss'])
    assert.equal(parsed('--tls-self-signed', '--listen', `${scheme}://[::1]:1`), {
      tls: { kind: 'self-signed' },
      listen: { kind: 'websocket', address: '::1', port: 1, isSecure: true },
    })
})

test('what makes no sense is a usage error', () => {
  const messageOf = (...args: string[]): string => refusalOf(args)?.message ?? ''
  assert.match(messageOf('--tls-cert', 'c'), 'require each other')
  assert.match(messageOf('--tls-key', 'k'), 'require each other')
  assert.match(messageOf('--tls-cert', 'c', '--tls-key', ''), 'take the path of a PEM file')
  assert.match(messageOf('--tls-cert', 'c', '--tls-key', 'k', '--tls-self-signed'), 'cannot be used with')
  assert.match(messageOf('--listen', 'wss://127.0.0.1:0'), 'requires a certificate')
  assert.match(
    messageOf('--listen', 'unix:/s', '--tls-self-signed'),
    'requires a WebSocket listener, not a unix socket',
  )
  assert.match(messageOf('--listen', 'stdio', '--tls-self-signed'), 'requires a WebSocket listener, not stdio')
})

test('TLS lets nobody in on an address that others can reach', () => {
  assert.match(
    refusalOf(['--listen', 'wss://0.0.0.0:0', '--tls-self-signed'])?.message ?? '',
    'can be reached by others',
  )
})

test.run()

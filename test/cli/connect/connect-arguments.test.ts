import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { refusalOf } from '../../support/refusal.ts'
import { test } from '../../support/suite.ts'

const CONNECT = ['--connect', 'wss://laptop.example/devbox']
const TOKEN = ['--token-file', '/t']

test('a server dials out only if it is asked to', () => {
  const [plain, dialling] = [parseServe([]), parseServe([...CONNECT, ...TOKEN])]
  assert.is(plain.kind === 'serve' && plain.connect, undefined)
  assert.equal(dialling.kind === 'serve' && dialling.connect, {
    url: { href: 'wss://laptop.example/devbox', socketPath: undefined, isSecure: true },
    name: 'wss://laptop.example/devbox',
    tokenFile: '/t',
    authorities: undefined,
  })
})

test('options for a server that listens are refused, as who connects to accept is checked there', () => {
  for (const option of ['--listen=ws://127.0.0.1:1', '--capability-url', '--allow-local-users', '--allow-host=a'])
    assert.match(refusalOf([...CONNECT, ...TOKEN, option])?.message ?? '', 'is for a server that listens')
})

test('a secret is required, and TLS on the way to another machine', () => {
  assert.match(refusalOf(CONNECT)?.message ?? '', 'requires --token-file')
  assert.match(refusalOf(TOKEN)?.message ?? '', '--token-file requires --connect')
  assert.match(refusalOf(['--tls-ca', 'f'])?.message ?? '', '--tls-ca requires --connect')
  assert.match(
    refusalOf(['--connect', 'ws://127.0.0.1:1', ...TOKEN, '--tls-ca', 'f'])?.message ?? '',
    '--tls-ca is for --connect wss://',
  )
  assert.is(refusalOf(['--connect', 'wss://laptop:1', ...TOKEN, '--tls-ca', 'f']), undefined)
  assert.match(refusalOf(['--connect', 'ws://laptop:1', ...TOKEN])?.message ?? '', 'without TLS')
  assert.is(refusalOf(['--connect', 'ws://laptop:1', ...TOKEN, '--allow-plaintext']), undefined)
  assert.match(refusalOf(['--connect', 'http://laptop', ...TOKEN])?.message ?? '', '--connect takes')
})

test.run()

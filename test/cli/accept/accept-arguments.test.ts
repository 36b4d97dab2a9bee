import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { parseAccept } from '../../../src/cli/accept/accept-arguments.ts'
import { test } from '../../support/suite.ts'

const TOKEN = ['--token-file', '/t']
const refusal = (...args: string[]): string => {
  try {
    parseAccept(args)
  } catch (error) {
    if (error instanceof UsageError && error.exitCode === 2) return error.message
    throw error
  }
  return ''
}

test('accept listens on loopback for the own user only, unless options say otherwise', () => {
  const free = { kind: 'websocket', address: '127.0.0.1', port: 0 }
  const command = parseAccept(TOKEN)
  assert.is(command?.ownUserOnly, true)
  for (const place of [command?.devboxes, command?.clients]) assert.equal({ ...free, ...place }, { ...free, ...place })
  const other = parseAccept([
    ...TOKEN,
    '--listen',
    'unix:/run/a.sock',
    '--client-listen',
    'ws://127.0.0.1:4600',
    '--allow-local-users',
  ])
  assert.equal(other?.devboxes, { kind: 'unix', path: '/run/a.sock' })
  assert.is(other?.ownUserOnly, false)
  assert.is(parseAccept(['--help']), undefined)
})

test('what would let others in, or take a connection over, is refused', () => {
  assert.match(refusal(), 'requires --token-file')
  assert.match(refusal(...TOKEN, '--listen', 'ws://0.0.0.0:4601'), 'without TLS')
  assert.is(refusal(...TOKEN, '--listen', 'ws://0.0.0.0:4601', '--allow-plaintext'), '')
  assert.match(refusal(...TOKEN, '--client-listen', 'ws://0.0.0.0:4600', '--allow-plaintext'), 'of this machine')
  assert.is(refusal(...TOKEN, '--listen', 'wss://0.0.0.0:4601', '--tls-cert', 'c', '--tls-key', 'k'), '')
  assert.match(refusal(...TOKEN, '--tls-cert', 'c'), 'require each other')
  assert.match(
    refusal(...TOKEN, '--listen', 'unix:/s', '--tls-cert', 'c', '--tls-key', 'k'),
    'requires a WebSocket listener',
  )
  assert.match(refusal(...TOKEN, '--client-listen', 'wss://127.0.0.1:4600'), 'takes ws://')
  assert.match(refusal(...TOKEN, '--client-listen', 'unix:/a', '--allow-local-users'), 'is for ws://')
})

test('what makes no sense is a usage error that names the option', () => {
  assert.match(refusal(...TOKEN, 'extra'), 'takes options only')
  assert.match(refusal(...TOKEN, '--listen', 'stdio'), '--listen takes')
  assert.match(refusal(...TOKEN, '--client-listen', 'ws://localhost:1'), 'invalid --client-listen')
  assert.match(refusal(...TOKEN, '--log-level', 'all'), '--log-level takes')
})

test.run()

/** What a process was started with. */
import * as assert from 'uvu/assert'
import { restoreVariables, withoutIgnored } from '../../src/base/own-process.ts'
import { test } from '../support/suite.ts'

test('hidden variables get their names back, and others stay', () => {
  const env = {
    PATH: '/bin',
    '\u0001ODE_DEBUG': 'net',
    '\u0001PENSSL_CONF': '/etc/ssl',
    '\u0001other': '1',
    NODE: '2',
  }
  restoreVariables(env)
  assert.equal(env as object, {
    PATH: '/bin',
    NODE_DEBUG: 'net',
    OPENSSL_CONF: '/etc/ssl',
    '\u0001other': '1',
    NODE: '2',
  })
})

test('what a Node parent tells this process alone is not passed on', () => {
  const env = { '\u0001ODE_CHANNEL_FD': '3', '\u0001ODE_UNIQUE_ID': '1', '\u0001ODE_ENV': 'test' }
  restoreVariables(env)
  assert.equal(env as object, { NODE_ENV: 'test' })
})

test('signals that were not ignored are all heeded', () => {
  assert.equal(withoutIgnored(['SIGTERM', 'SIGHUP']), ['SIGTERM', 'SIGHUP'])
})

test.run()

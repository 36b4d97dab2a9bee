/** What a process was started with. */
import * as assert from 'uvu/assert'
import { restoreArguments, restoreVariables, withoutIgnored } from '../../src/base/own-process.ts'
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

test('hidden arguments get their first letter back, and others stay', () => {
  const argv = [
    'exec-server',
    'run',
    '\u0001-env-file',
    '\u0001-experimental-config-file=x',
    '\u0001',
    '\u0001-env',
    '--env',
  ]
  restoreArguments(argv)
  assert.equal(argv, [
    'exec-server',
    'run',
    '--env-file',
    '--experimental-config-file=x',
    '\u0001',
    '\u0001-env',
    '--env',
  ])
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

import * as assert from 'uvu/assert'
import { methods } from '../../../src/core/rpc/methods.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { test } from '../../support/suite.ts'

const events = ['process/output', 'process/exited', 'process/closed', 'fs/missingChanged', 'http/request/bodyDelta']

test('every request of the protocol has a handler, and nothing else has', () => {
  const requests = Object.values(Method).filter((name) => !name.startsWith('initialize') && !events.includes(name))
  assert.equal([...methods.keys()].sort(), requests.sort())
})

test('every method is named as clients of the reference know it in refusals', () => {
  const families = {
    process: ['exec'],
    fs: ['filesystem'],
    environment: ['environment info', 'environment status'],
    environmentConfig: ['environment config'],
    http: ['http'],
    capabilityRoots: ['capability discovery'],
  }
  for (const [name, { family }] of methods)
    assert.ok(families[name.split('/')[0] as keyof typeof families].includes(family), name)
})

test('no params make a handler fail with anything but an error of params', () => {
  for (const [name, { prepare }] of methods) {
    for (const params of [null, true, 5, 'x', [], [null], Object.create(null)]) {
      try {
        prepare(params)
      } catch (error) {
        assert.instance(error, RpcError, name)
        assert.is((error as RpcError).code, -32602)
      }
    }
    assert.throws(() => prepare('x'), name)
  }
})

test.run()

import * as assert from 'uvu/assert'
import { methods } from '../../../src/core/rpc/methods.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { Method } from '../../../src/protocol/wire/methods.ts'
import type { JsonValue } from '../../../src/protocol/wire/json.ts'
import { openTicket } from '../../support/fakes/open-ticket.ts'
import { test } from '../../support/suite.ts'

const events = [
  'process/output',
  'process/exited',
  'process/closed',
  'process/started',
  'process/failed',
  'process/listChanged',
  'fs/missingChanged',
  'http/request/bodyDelta',
  'net/data',
  'net/written',
  'net/closed',
  'net/accepted',
]

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
    net: ['network'],
    capabilityRoots: ['capability discovery'],
    capabilities: ['capability discovery'],
  }
  for (const [name, { family }] of methods)
    assert.ok(families[name.split('/')[0] as keyof typeof families].includes(family), name)
})

test('no params make a handler fail with anything but an error of params', () => {
  const decoded = new Error('the params are decoded')
  const admit = (): never => {
    throw decoded
  }
  const call = (name: string, params: JsonValue): unknown => {
    try {
      return methods.get(name)?.call(params, admit, openTicket().ticket)
    } catch (error) {
      return error
    }
  }
  for (const name of methods.keys()) {
    for (const params of [null, true, 5, 'x', [], [null], Object.create(null)]) {
      const error = call(name, params)
      if (error === decoded) continue
      assert.instance(error, RpcError, name)
      assert.is((error as RpcError).code, -32602)
    }
    assert.is.not(call(name, 'x'), decoded, name)
  }
})

test.run()

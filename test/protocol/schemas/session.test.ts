import * as assert from 'uvu/assert'
import type * as v from 'valibot'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import { decodeParams } from '../../../src/protocol/schemas/schema-primitives.ts'
import { InitializeParams, NoParams } from '../../../src/protocol/schemas/session.ts'
import { test } from '../../support/suite.ts'

const takes = (schema: v.GenericSchema, json: string): boolean => {
  try {
    decodeParams(schema, parseJson(json))
    return true
  } catch {
    return false
  }
}

test('initialize needs a client name, which may be empty, and may name a session', () => {
  for (const json of [
    '{"clientName":""}',
    '{"clientName":"x","resumeSessionId":null}',
    '{"clientName":"x","resumeSessionId":"","more":1}',
  ])
    assert.ok(takes(InitializeParams, json), json)
  for (const json of [
    'null',
    '{}',
    '[]',
    '{"clientName":null}',
    '{"clientName":5}',
    '{"clientName":"x","resumeSessionId":5}',
    '{"resumeSessionId":"x"}',
  ]) {
    assert.not(takes(InitializeParams, json), json)
  }
})

test('unused params are an object or null', () => {
  for (const json of ['null', '{}', '{"a":1,"b":{}}']) assert.ok(takes(NoParams, json), json)
  for (const json of ['5', '1.5', '"x"', 'true', '9007199254740993']) assert.not(takes(NoParams, json), json)
})

test.run()

import * as v from 'valibot'
import * as assert from 'uvu/assert'
import { PreparedStart } from '../../../src/protocol/schemas/prepared-start.ts'
import { StartParams } from '../../../src/protocol/schemas/process.ts'
import { decodeParams } from '../../../src/protocol/schemas/schema-primitives.ts'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import { test } from '../../support/suite.ts'

const SANDBOX = {
  entries: [
    { path: 'file:///a%20b', access: 'write' },
    { path: '/c/../d', access: 'deny' },
  ],
  network: 'enabled',
}
const START = { processId: 'p', argv: ['a'], cwd: '/', env: {}, tty: false }

const refusal = (more: object): string => {
  try {
    decodeParams(StartParams, parseJson(JSON.stringify({ ...START, ...more })))
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

test('the sandbox is decoded to the paths that it names', () => {
  assert.equal(v.parse(PreparedStart, { sandbox: SANDBOX }), {
    sandbox: {
      files: {
        unrestricted: false,
        entries: [
          { at: { type: 'path', path: '/a b' }, access: 'write' },
          { at: { type: 'path', path: '/d' }, access: 'deny' },
        ],
      },
      network: 'enabled',
    },
  })
})

test('what is not resolved, unknown or missing is refused by name', () => {
  assert.match(refusal({ prepared: true }), /^prepared: expected an object/)
  assert.match(refusal({ prepared: {} }), /^prepared\.sandbox: /)
  assert.match(refusal({ prepared: { sandbox: SANDBOX, more: 1 } }), /^prepared\.more: .*no such member/)
  assert.match(refusal({ prepared: { sandbox: { ...SANDBOX, more: 1 } } }), /^prepared\.sandbox\.more: /)
  assert.match(refusal({ prepared: { sandbox: { ...SANDBOX, network: undefined } } }), /^prepared\.sandbox\.network: /)
  for (const entry of [
    { path: 'relative', access: 'read' },
    { path: { type: 'special', value: { kind: 'root' } }, access: 'read' },
    { path: '/a', access: 'execute' },
    { path: '/a', access: 'read', unless: '/b' },
  ])
    assert.match(
      refusal({ prepared: { sandbox: { ...SANDBOX, entries: [entry] } } }),
      /^prepared\.sandbox\.entries\.0\./,
    )
})

test('an unknown member that asks for a confinement is refused by name, any other ignored', () => {
  assert.match(refusal({ permissionProfile: { a: 1 } }), /^permissionProfile: this executor does not know this member/)
  for (const more of [{ prepared: false }, { prepared: null }, { more: { a: [1] } }, { isolation: null }])
    assert.is(refusal(more), '', JSON.stringify(more))
})

test.run()

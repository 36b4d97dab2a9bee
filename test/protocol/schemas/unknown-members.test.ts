import * as assert from 'uvu/assert'
import { tellingMember } from '../../../src/protocol/schemas/unknown-members.ts'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import { test } from '../../support/suite.ts'

const KNOWN = new Set(['sandbox', 'argv'])
const found = (params: unknown): string | undefined => tellingMember(parseJson(JSON.stringify(params)) as object, KNOWN)

test('a name that speaks of a confinement or another way of start is found, however it is written', () => {
  for (const name of [
    'sandboxPolicy',
    'linux_sandbox',
    'permissionProfile',
    'read-only',
    'networkAccess',
    'isPrepared',
    'PREPARED',
    'seccompFilter',
    'egressRules',
    'dryRun',
  ])
    for (const value of [true, 1, 0, 'x', ['x'], { x: 1 }]) assert.is(found({ argv: [], [name]: value }), name, name)
})

test('known members and those about other things are passed over, whatever they hold', () => {
  const texts = 'a sandbox with a network policy'
  for (const params of [
    { sandbox: { permissions: 1 } },
    { argv: ['sandbox', 'prepared'] },
    {
      traceId: texts,
      telemetry: { span: texts, note: 'prepared' },
      labels: [texts],
      unknownMember: { a: [1] },
      title: 'proxy',
    },
    { timeoutHint: 1.5, priority: 2n.toString() },
  ])
    assert.is(found(params), undefined, JSON.stringify(params))
})

test('what newer clients may tell about a request is passed over, with all that is in it', () => {
  for (const name of [
    'networkHints',
    'sandboxLabel',
    'permissionRequestId',
    'proxy_trace_id',
    'policyReason',
    'networkTimeoutMs',
    'telemetry',
    'toolNamespace',
    'humanReadable',
    'truncationPolicy',
    'approvalPolicy',
  ])
    for (const value of [true, 'x', { type: 'sandbox' }, [1]])
      if (!/Policy|Namespace|Readable/.test(name) || typeof value !== 'object')
        assert.is(found({ argv: [], [name]: value }), undefined, name)
})

test('a name that only begins or goes on like something harmless is found', () => {
  for (const name of [
    'networkHintPolicy',
    'metadataSandbox',
    'sandboxProfileId',
    'networkPolicyId',
    'toolNamespaceSandbox',
    'retryPolicySandboxed',
    'pidNamespace',
    'filePolicy',
    'readableRoots',
    'credentialMasking',
    'labels.permissions',
  ])
    assert.is(found({ argv: [], [name]: { x: 1 } }), name, name)
  assert.is(found({ truncationPolicy: { sandbox: { x: 1 } } }), 'truncationPolicy')
})

test('null, false, empty values and words for nothing ask for nothing', () => {
  for (const value of [
    null,
    false,
    '',
    [],
    {},
    'none',
    'disabled',
    'off',
    'direct',
    { mode: null },
    [[], { a: false }],
  ])
    assert.is(found({ sandboxMode: value }), undefined, JSON.stringify(value))
})

test('names below an unknown member count, and texts of choices', () => {
  assert.is(found({ options: { launch: [{ sandbox: { x: 1 } }] } }), 'options')
  assert.is(found({ startMode: 'prepared' }), 'startMode')
  assert.is(found({ how: { kind: 'sandboxed' } }), 'how')
  assert.is(found({ how: { title: 'sandboxed' } }), undefined)
})

test.run()

import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseJson } from '../../src/protocol/json.ts'
import { opensFiles, opensProcess } from '../../src/protocol/sandbox.ts'

fc.configureGlobal({ includeErrorInReport: true })

const read = (sandbox: unknown) => parseJson(JSON.stringify(sandbox))
const files = (sandbox: unknown): boolean => opensFiles(read(sandbox))
const process = (sandbox: unknown): boolean => opensProcess(read(sandbox))

const rest = { windowsSandboxLevel: 'disabled', cwd: null, workspaceRoots: [] }
const managed = (fileSystem: unknown, network: unknown) => ({ permissions: { type: 'managed', file_system: fileSystem, network }, ...rest })

test('without a sandbox everything is open', () => {
  assert.ok(opensFiles(undefined) && opensProcess(undefined))
  assert.ok(files(null) && process(null))
})

test('disabled permissions open everything, external ones leave the network to be said', () => {
  assert.ok(files({ permissions: { type: 'disabled' }, ...rest }))
  assert.ok(process({ permissions: { type: 'disabled' }, ...rest }))
  assert.ok(files({ permissions: { type: 'external', network: 'restricted' }, ...rest }))
  assert.not(process({ permissions: { type: 'external', network: 'restricted' }, ...rest }))
  assert.ok(process({ permissions: { type: 'external', network: 'enabled' }, ...rest }))
})

test('managed permissions open files only if unrestricted, and commands only if the network is open too', () => {
  assert.ok(files(managed({ type: 'unrestricted' }, 'restricted')))
  assert.not(process(managed({ type: 'unrestricted' }, 'restricted')))
  assert.ok(process(managed({ type: 'unrestricted' }, 'enabled')))
  assert.not(files(managed({ type: 'restricted', entries: [] }, 'enabled')))
  assert.not(process(managed({ type: 'restricted', entries: [] }, 'enabled')))
})

test('of the oldest policies only full access is open, and only if no finer policy stands beside it', () => {
  assert.ok(files({ sandboxPolicy: { type: 'danger-full-access' }, windowsSandboxLevel: 'disabled' }))
  assert.ok(files({ sandboxPolicy: { type: 'danger-full-access' }, fileSystemSandboxPolicy: null }))
  assert.not(files({ sandboxPolicy: { type: 'danger-full-access' }, fileSystemSandboxPolicy: { kind: 'restricted' } }))
  for (const type of ['read-only', 'workspace-write', 'external-sandbox', 'dangerFullAccess', null])
    assert.not(files({ sandboxPolicy: { type } }), String(type))
})

test('a process is never open where files are not', () => {
  const part = fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('managed', 'disabled', 'external', 'unrestricted', 'enabled', 'danger-full-access'),
  )
  const typed = fc.record({ type: part, file_system: fc.oneof(part, fc.record({ type: part })), network: part }, { requiredKeys: [] })
  const sandbox = fc.record(
    { permissions: fc.oneof(part, typed), sandboxPolicy: fc.oneof(part, typed), fileSystemSandboxPolicy: part },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(sandbox, (value) => {
      if (/\\ud[89a-f]/i.test(JSON.stringify(value))) return
      assert.ok(!process(value) || files(value))
    }),
    { numRuns: 500 },
  )
})

test('what is not understood is closed', () => {
  for (const sandbox of [
    {},
    [],
    5,
    1.5,
    true,
    'disabled',
    rest,
    { permissions: null },
    { permissions: 'disabled' },
    { permissions: {} },
    { permissions: { type: 'martian' } },
    { permissions: ['disabled'] },
    { type: 'disabled' },
    managed(null, 'enabled'),
    managed('unrestricted', 'enabled'),
    managed({ type: 'external' }, 'enabled'),
    { permissions: { network: { enabled: true }, file_system: null } },
  ]) {
    assert.not(files(sandbox), JSON.stringify(sandbox))
    assert.not(process(sandbox), JSON.stringify(sandbox))
  }
})

test.run()

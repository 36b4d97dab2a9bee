import * as assert from 'uvu/assert'
import { describePolicy, sandboxOf } from '../../src/mcp/policy.ts'
import { suite } from '../support/suite.ts'

const test = suite('mcp policy')

test('only full access with network runs without a sandbox', () => {
  for (const mode of ['read-only', 'workspace-write', 'full'] as const)
    for (const hasNetwork of [true, false]) {
      const sandbox = sandboxOf({ mode, hasNetwork, workspace: '/w' })
      assert.is(sandbox === undefined, mode === 'full' && hasNetwork)
      if (sandbox !== undefined) assert.is(sandbox.network, hasNetwork ? 'enabled' : 'restricted')
    }
})

test('read-only grants no write, workspace-write the workspace and the temporary directories', () => {
  const writable = (mode: 'read-only' | 'workspace-write') => {
    const files = sandboxOf({ mode, hasNetwork: false, workspace: '/w' })?.files
    assert.ok(files !== undefined && !files.unrestricted)
    return files.entries.filter(({ access }) => access === 'write').map(({ at }) => at.type)
  }
  assert.equal(writable('read-only'), [])
  assert.equal(writable('workspace-write'), ['project_roots', 'slash_tmp', 'tmpdir'])
})

test('the instructions for the model say where it may write, and whether there is a network', () => {
  assert.match(describePolicy({ mode: 'workspace-write', hasNetwork: false, workspace: '/w' }), /\/w .*no network/)
})

test.run()

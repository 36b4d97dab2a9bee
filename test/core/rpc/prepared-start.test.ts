import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

const PREPARED = { sandbox: { entries: [{ path: '/usr', access: 'read' }], network: 'restricted' } }

async function setup(starts = { direct: true, prepared: true }) {
  const fake = fakeServer()
  fake.host.starts = starts
  return { ...fake, client: await MemoryClient.ready(fake.server) }
}

test('a prepared start has its own sandbox and environment, and nothing else', async () => {
  const { client, host } = await setup()
  const { result } = await client.start('p', { argv: ['/usr/bin/x'], env: { A: '1' }, prepared: PREPARED })
  assert.equal(result, { processId: 'p', sandboxType: 'linuxSeccomp' })
  const { env, sandbox, isPrepared } = host.child.spec
  assert.equal([...env], [['A', '1']])
  assert.is(isPrepared, true)
  const entries = [{ at: { type: 'path', path: '/usr' }, access: 'read' }]
  assert.equal(sandbox, { files: { unrestricted: false, entries }, network: 'restricted' })
})

test('what the server would resolve or add is refused beside it, and nothing is started', async () => {
  const { client, host } = await setup()
  for (const [name, value] of Object.entries({
    sandbox: { permissions: { type: 'disabled' }, cwd: '/' },
    envPolicy: { inherit: 'all', ignoreDefaultExcludes: true, exclude: [], set: {}, includeOnly: [] },
    metadata: { toolCallId: 'x' },
    shellSnapshot: { scopeId: 's', shell: { name: 'bash', path: '/bin/bash' } },
    managedNetwork: {},
    agent: 'copy',
  })) {
    const { error } = await client.start(name, { [name]: value, prepared: PREPARED })
    assert.is(error?.code, ErrorCode.InvalidParams, name)
    assert.match(error?.message ?? '', new RegExp(`^${name}: `))
  }
  assert.equal(host.children, [])
})

test('a sandbox program in the command line is not read as a sandbox of its own', async () => {
  const { client, host } = await setup()
  const argv = ['codex-linux-sandbox', '--', 'ls']
  await client.start('p', { argv, prepared: PREPARED })
  assert.equal(host.child.spec.argv, argv)
})

test('the server starts only what it allows, and lists what it offers', async () => {
  const strict = await setup({ direct: false, prepared: true })
  const refused = await strict.client.start('p')
  assert.equal(
    [refused.error?.code, /--no-direct/.test(refused.error?.message ?? '')],
    [ErrorCode.InvalidRequest, true],
  )
  assert.is((await strict.client.start('p', { prepared: false })).error?.code, ErrorCode.InvalidRequest)
  assert.is((await strict.client.start('p', { agent: 'copy' })).error?.code, ErrorCode.InvalidRequest)
  assert.ok((await strict.client.start('q', { prepared: PREPARED })).result)

  const plain = await setup({ direct: true, prepared: false })
  const other = await plain.client.start('p', { prepared: PREPARED })
  assert.equal([other.error?.code, /--no-prepared/.test(other.error?.message ?? '')], [ErrorCode.InvalidRequest, true])
  assert.ok((await plain.client.start('q')).result)
})

test.run()

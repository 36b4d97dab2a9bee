import * as assert from 'uvu/assert'
import { UnsupportedError } from '../../../src/client/base/errors.ts'
import { defaultClientLimits } from '../../../src/client/base/limits.ts'
import type { PreparedSandbox, StartOptions } from '../../../src/client/base/types.ts'
import { openClient } from '../../../src/client/client.ts'
import { inProcessConnector } from '../../../src/client/transports/in-process.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { test } from '../../support/suite.ts'

async function open(starts = { direct: true, prepared: true }) {
  const { server, host } = fakeServer()
  host.starts = starts
  host.variables = new Map([['INHERITED', 'yes']])
  const client = await openClient(
    inProcessConnector(server, () => {}),
    {},
    defaultClientLimits,
  )
  const failure = (options: StartOptions): Promise<unknown> =>
    client.start(options).then(
      () => undefined,
      (error: unknown) => error,
    )
  return { client, host, failure }
}

const PREPARED: PreparedSandbox = {
  entries: [
    { path: '/usr', access: 'read' },
    { path: new URL('file:///work'), access: 'write' },
    { path: '/work/secret', access: 'deny' },
  ],
  network: 'restricted',
}
const COMMAND = { argv: ['fake'], cwd: '/work', env: { A: 'b' } }

test('a prepared start has its environment and its paths, and nothing else', async () => {
  const { client, host } = await open()
  await client.start({ ...COMMAND, prepared: PREPARED })
  const { env, sandbox, isPrepared } = host.child.spec
  assert.equal([[...env], isPrepared], [[['A', 'b']], true])
  assert.equal(sandbox, {
    files: {
      unrestricted: false,
      entries: [
        { at: { type: 'path', path: '/usr' }, access: 'read' },
        { at: { type: 'path', path: '/work' }, access: 'write' },
        { at: { type: 'path', path: '/work/secret' }, access: 'deny' },
      ],
    },
    network: 'restricted',
  })
  await client.close()
})

test('a direct start inherits the variables of the server', async () => {
  const { client, host } = await open()
  await client.start(COMMAND)
  assert.equal([...host.child.spec.env].sort(), [
    ['A', 'b'],
    ['INHERITED', 'yes'],
  ])
  await client.close()
})

test('a prepared start leaves nothing to the server, and is not sent to one that would ignore it', async () => {
  const { client, host, failure } = await open()
  const beside: Partial<StartOptions>[] = [
    { envPolicy: { inherit: 'all' } },
    { sandbox: { files: { unrestricted: true }, network: 'enabled' } },
    { agent: 'copy' },
  ]
  for (const more of beside) assert.instance(await failure({ ...COMMAND, ...more, prepared: PREPARED }), TypeError)
  await client.close()
  const { client: other, host: otherHost, failure: otherFailure } = await open({ direct: true, prepared: false })
  assert.instance(await otherFailure({ ...COMMAND, prepared: PREPARED }), UnsupportedError)
  assert.equal([host.children.length, otherHost.children.length], [0, 0])
  await other.close()
})

test.run()

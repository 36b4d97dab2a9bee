/** --require-sandbox: nothing that a client can ask for acts outside of a sandbox, or in one that confines nothing. */
import { existsSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import {
  at,
  base64,
  managed,
  READ_ALL,
  serveAs,
  special,
  Tree,
  uri,
  users,
  WRITE_ROOTS,
} from '../../support/sandbox.ts'
import type { Sandbox } from '../../support/sandbox.ts'
import { atEnd } from '../../support/scope.ts'
import { skip, test } from '../../support/suite.ts'

const NETWORKS = ['restricted', 'enabled'] as const

async function strictClient(user: ReturnType<typeof users>[number], more: readonly string[] = []): Promise<Client> {
  const reason = user.obstacle ?? user.unconfined
  if (reason !== undefined) skip(reason)
  const [program, args] = user.program
  const { url } = await serveAs(user, {}, [program, [...args, '--require-sandbox', ...more]])
  return Client.connect(url)
}

/** Sandboxes that are none, by what they say. `tree` has a link to the root directory. */
function unconfined(tree: Tree): [string, Sandbox][] {
  const type = (permissions: object): Sandbox => ({ ...managed([tree.ws], []), permissions })
  const root = special('root', 'write')
  return NETWORKS.flatMap((network): [string, Sandbox][] => [
    ['external', type({ type: 'external', network })],
    ['disabled', type({ type: 'disabled' })],
    ['unrestricted', type({ type: 'managed', file_system: { type: 'unrestricted' }, network })],
    ['root', managed([tree.ws], [root], network)],
    ['root without a secret', managed([tree.ws], [root, at(tree.secret, 'deny')], network)],
    [
      'root, the system read-only',
      managed([tree.ws], [root, ...['/usr', '/etc'].map((path) => at(path, 'read'))], network),
    ],
    ['root as a workspace', managed(['/'], [READ_ALL, WRITE_ROOTS], network)],
    ['root by another name', managed([tree.ws], [READ_ALL, at('/usr/../.', 'write')], network)],
    ['/etc', managed([tree.ws], [READ_ALL, at('/etc', 'write')], network)],
    ['/usr by a link below it', managed([tree.ws], [READ_ALL, at(tree.in('root-link/usr'), 'write')], network)],
  ])
}

for (const user of users()) {
  test(`${user.name}: no command runs and no file is touched in a sandbox that confines nothing`, async () => {
    const client = await strictClient(user)
    const tree = new Tree(user)
    atEnd(() => rmSync(tree.root, { recursive: true, force: true }))
    symlinkSync('/', join(tree.root, 'root-link'))
    const written = tree.in('ws/written')
    for (const [index, [name, sandbox]] of unconfined(tree).entries()) {
      const refused = async (method: string, params: object): Promise<void> => {
        const { result, error } = await client.ask(method, { ...params, sandbox })
        assert.match(error?.message ?? JSON.stringify(result), '--require-sandbox', `${name}: ${method}`)
        assert.is(error?.code, method === 'process/start' ? -32602 : -32600, `${name}: ${method}`)
      }
      const processId = `p${index}`
      await refused('process/start', { processId, argv: ['touch', written], cwd: uri(tree.ws), env: {}, tty: false })
      const path = uri(written)
      await refused('fs/writeFile', { path, dataBase64: base64('x') })
      await refused('fs/readFile', { path: uri(tree.in('ws/inside.txt')) })
      await refused('fs/getMetadata', { path: uri(tree.ws) })
      await refused('fs/open', { handleId: 'h', path, mode: 'replace' })
      const { result } = await client.ask('capabilityRoots/discoverV1', {
        roots: [{ id: 'r', path: uri(tree.ws), sandbox }],
      })
      assert.match(result.roots[0].error, '--require-sandbox', name)
      assert.is(existsSync(written), false, name)
    }
    for (const network of NETWORKS) {
      const sandbox = managed([tree.ws], [READ_ALL, WRITE_ROOTS], network)
      const { output } = await client.run(`good-${network}`, ['/bin/sh', '-c', 'echo yes'], {
        sandbox,
        cwd: uri(tree.ws),
      })
      assert.is(output, 'yes\n')
      assert.equal(
        (await client.ask('fs/writeFile', { path: uri(written), dataBase64: base64('x'), sandbox })).result,
        {},
      )
    }
    await client.close()
  })
}

test('with it, HTTP requests need a policy, and no configuration is read', async () => {
  const [user] = users()
  if (user === undefined) skip('there is no user')
  const client = await strictClient(user)
  const request = { requestId: 'r', method: 'GET', url: 'http://127.0.0.1:9/', headers: [] }
  const { error } = await client.ask('http/request', request)
  assert.match(error?.message as string, /--http-policy.*--require-sandbox/)
  assert.is(error?.code, -32600)
  const config = { cwd: uri('/'), configPaths: [['mcp_servers']], requirementsPaths: [] }
  assert.match((await client.ask('environmentConfig/read', config)).error?.message as string, '--require-sandbox')
  const { capabilities } = (await client.ask('environment/info', {})).result
  assert.equal([capabilities.environmentConfigRead, capabilities.fileWriteStreaming], [undefined, true])
  const watch = { watchId: 1, missing: [uri('/no/such/path')] }
  assert.equal((await client.ask('fs/watchMissing', watch)).result, { watching: false })
  await client.close()

  const allowing = await strictClient(user, ['--http-policy', '{"allow":["127.0.0.1"]}'])
  assert.not.match((await allowing.ask('http/request', request)).error?.message as string, 'policy')
  await allowing.close()
})

test.run()

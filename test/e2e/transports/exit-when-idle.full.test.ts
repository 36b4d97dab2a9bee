/** --exit-when-idle and --on-idle, with a real server. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { atEnd } from '../../support/scope.ts'
import { startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

test('a server that nobody uses any more runs its command, and exits 0', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'idle-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'idle')
  // Longer than a loaded machine takes to connect.
  const args = ['--exit-when-idle', '10', '--on-idle', `echo "$PPID" > ${file}`, '--session-ttl-seconds', '1']
  const server = await startServer(args)
  const ended = once(server.child, 'exit')
  const client = await Client.connect(server.url)
  assert.is((await client.run('one', ['/bin/true'])).code, 0)
  await client.close()
  assert.equal(await ended, [0, null])
  assert.is(readFileSync(file, 'utf8').trim(), String(server.child.pid))
  assert.is(server.stderr(), '')
})

test('it warns of a command that fails, and exits all the same', async () => {
  const server = await startServer(['--exit-when-idle', '1', '--on-idle', 'exit 7'])
  assert.equal(await once(server.child, 'close'), [0, null])
  assert.match(server.stderr(), '"event":"idleCommandFailed","failure":"exit 7"')
})

test.run()

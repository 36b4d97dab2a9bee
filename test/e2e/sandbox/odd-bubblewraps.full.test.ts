/** Versions of bubblewrap, and machines, on which it cannot do what it usually can: from the first call on. */
import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { base64, managed, onPath, READ_ALL, uri, users, WRITE_ROOTS } from '../../support/sandbox.ts'
import { startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const real = onPath('bwrap')
const obstacle = real === undefined ? 'there is no bubblewrap' : users()[0]?.unconfined
const test = suite('odd bubblewraps')
const define = obstacle === undefined ? test : test.skip

/** A bubblewrap that refuses an argument, wherever it stands. Returns its path. */
function refusing(argument: string, message: string): string {
  const path = join(realpathSync(temporaryFolder()), 'bwrap')
  const script = `#!/bin/sh
for word; do [ "$word" = '${argument}' ] && { echo 'bwrap: ${message}' >&2; exit 1; }; done
tr '\\0' '\\n' < /proc/self/fd/3 | grep -qx -- '${argument}' && { echo 'bwrap: ${message}' >&2; exit 1; }
exec ${real} "$@"
`
  writeFileSync(path, script, { mode: 0o755 })
  return path
}

type Calls = { write: () => Promise<unknown>; run: () => Promise<string> }

async function connect(bubblewrap: string): Promise<Calls> {
  const { url } = await startServer(['--bwrap', bubblewrap])
  const client = await Client.connect(url)
  const workspace = realpathSync(temporaryFolder())
  const sandbox = managed([workspace], [READ_ALL, WRITE_ROOTS])
  const write = (): Promise<unknown> =>
    client.request('fs/writeFile', { path: uri(join(workspace, 'x')), dataBase64: base64('x'), sandbox })
  const run = async (): Promise<string> => {
    await client.start('p', ['/bin/sh', '-c', 'echo done'], { cwd: uri(workspace), sandbox })
    await client.closed('p')
    return client.outputOf('p').toString()
  }
  return { write, run }
}

define('an old one, without mounts by descriptor, serves the first file call and the first command', async () => {
  const { write, run } = await connect(refusing('--ro-bind-fd', 'Unknown option --ro-bind-fd'))
  assert.equal(await write(), {})
  assert.is(await run(), 'done\n')
})

define('one that may mount no /proc serves them, too', async () => {
  const { write, run } = await connect(
    refusing('--proc', 'Cannot mount proc on /newroot/proc: Operation not permitted'),
  )
  assert.equal(await write(), {})
  assert.is(await run(), 'done\n')
})

const ofRoot = process.geteuid?.() === 0 ? define : test.skip
ofRoot('one that may make no user namespace serves them for root', async () => {
  const { write, run } = await connect(refusing('--unshare-user', 'No permissions to create a new namespace'))
  assert.equal(await write(), {})
  assert.is(await run(), 'done\n')
})

define('one that does not work at all is named with its message, from the first call on', async () => {
  const { write, run } = await connect(refusing('--unshare-pid', 'no sandbox today'))
  for (const call of [write, write, run]) {
    const message = await call().then(
      () => 'it worked',
      (error: Error) => error.message,
    )
    assert.match(message, /cannot enforce the (file system|filesystem|process) sandbox: .*no sandbox today/)
  }
})

test.run()

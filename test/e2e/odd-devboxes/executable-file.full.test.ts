/** The executable's file changes while it serves. */
import { copyFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import type { Client } from '../../support/client.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { canSandbox, connectTo, isExecutable, only, PATH } from './odd-devbox.ts'

const defined = suite('the file of the executable')
const test = isExecutable ? defined : defined.skip

/** What starts the executable again: an argv[0] on a terminal, and a file call in a sandbox. */
async function checkSelf(client: Client, folder: string): Promise<void> {
  const command = ['/bin/sh', '-c', 'echo $0']
  assert.equal(await client.run('arg0', command, { tty: true, arg0: 'name', env: { PATH } }), {
    code: 0,
    output: 'name\r\n',
  })
  if (!canSandbox) return
  const path = join(folder, 'file')
  writeFileSync(path, 'content')
  const { dataBase64 } = await client.request('fs/readFile', { path, sandbox: only(folder) })
  assert.is(Buffer.from(dataBase64, 'base64').toString(), 'content')
}

for (const [what, change] of [
  ['deleted', (file: string) => rmSync(file)],
  [
    'replaced',
    (file: string) => {
      writeFileSync(`${file}.new`, '#!/bin/sh\necho another version\n', { mode: 0o755 })
      renameSync(`${file}.new`, file)
    },
  ],
] as const) {
  test(`a server whose executable has been ${what} starts itself again`, async () => {
    const program = join(temporaryFolder(), 'exec-server')
    copyFileSync(process.env['EXEC_SERVER_BINARY'] as string, program)
    const { client, stop } = await connectTo(program, [])
    change(program)
    await checkSelf(client, realpathSync(temporaryFolder()))
    await stop()
  })
}

defined.run()

/** No file is made set-user-ID or set-group-ID in a sandbox: outside, whoever runs it becomes its owner. */
import { chmodSync, lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { forEachUser } from '../../support/sandbox.ts'

const SET_ID_BITS = 0o6000

forEachUser('set-id bits', (row) => {
  row.asRoot('commands cannot set them, with or without the network', async (a) => {
    a.tree.ignored = ['ws/made']
    for (const network of ['restricted', 'enabled'] as const) {
      const out = await a.sh(
        `mkdir -p made; cp /bin/true made/prog; cd made
         try chmod u+s prog; try chmod g+s prog; try chmod 6755 prog; try install -m 4755 /bin/true installed
         try mkdir -m 2755 sub; chmod 700 prog && chmod 1755 . && echo PLAIN`,
        { sandbox: a.standard(network) },
      )
      assert.match(out, 'PLAIN')
      for (const name of readdirSync(a.tree.in('ws/made')))
        assert.is(lstatSync(a.tree.in('ws/made', name)).mode & SET_ID_BITS, 0, name)
    }
  })

  row.asRoot('fs/copy copies a file that has them without them, and other mode bits with it', async (a) => {
    const source = a.tree.file('out/tool', 'tool', 0o755)
    chmodSync(source, 0o6755)
    a.tree.ignored = ['ws/copy', 'ws/folder']
    await a.ok('copy', { sourcePath: source, destinationPath: a.tree.in('ws/copy'), recursive: false })
    await a.ok('copy', { sourcePath: a.tree.out, destinationPath: a.tree.in('ws/folder'), recursive: true })
    for (const path of [a.tree.in('ws/copy'), join(a.tree.in('ws/folder'), 'tool')]) {
      assert.is(lstatSync(path).mode & 0o7777, 0o755)
      assert.is(await a.text(path), 'tool')
    }
  })
})

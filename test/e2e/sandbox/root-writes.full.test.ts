/** A sandbox that may write the root keeps its devices and what is denied below it. */
import { lstatSync, symlinkSync, unlinkSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { at, forEachUser, managed, SECRET, special } from '../../support/sandbox.ts'
import type { Attempt } from '../../support/sandbox.ts'

const ROOT_WRITES = special('root', 'write')
/** A protected name at the root, which tests on a used machine leave alone. */
const LINK = '/.codex'
const isLinkFree = lstatSync(LINK, { throwIfNoEntry: false }) === undefined
const obstacle = process.getuid?.() !== 0 ? 'root alone makes a link there' : isLinkFree ? undefined : `${LINK} exists`

const sandboxOf = (a: Attempt) => managed([a.tree.ws], [ROOT_WRITES, at(a.tree.out, 'deny')])

forEachUser('a writable root', (row) => {
  row('has the standard devices and no others, and a denied folder stays denied', async (a) => {
    a.tree.file('out/hidden', SECRET)
    const script = `see "$OUT/hidden"; put "$OUT/new"; echo x > /dev/null && echo NULL; for path in /dev/*; do
      [ -b "$path" ] && echo BLOCK "$path"; done; [ -e /dev/mem ] && echo MEMORY; true`
    const output = await a.sh(script, { sandbox: sandboxOf(a) })
    assert.match(output, 'NULL')
    assert.not.match(output, /BLOCK|MEMORY/)
  })

  row(
    'opens no denied folder through a protected link at the root',
    async (a) => {
      a.tree.file('out/hidden', SECRET)
      symlinkSync(a.tree.out, LINK)
      try {
        const start = a.run(['/bin/sh', '-c', `cat ${LINK}/hidden; echo x > ${LINK}/new`], { sandbox: sandboxOf(a) })
        const error = await start.then(() => 'it ran', String)
        assert.match(error, `cannot enforce the read-only path ${LINK}: it crosses the writable symbolic link`)
      } finally {
        unlinkSync(LINK)
      }
    },
    obstacle,
  )
})

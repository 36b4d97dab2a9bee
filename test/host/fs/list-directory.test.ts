/** Listing directories. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { listDirectory, nameOf, textOf } from '../../../src/host/fs/list-directory.ts'
import { LISTED_AT_ONCE } from '../../../src/host/limits.ts'
import { isDeno } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('a directory is listed whole, however many times it has to be asked for more', async () => {
  const folder = temporaryFolder()
  const names = Array.from({ length: 2 * LISTED_AT_ONCE + 1 }, (_, index) => `file-${index}`)
  for (const name of names) writeFileSync(`${folder}/${name}`, '')
  assert.equal((await listDirectory(folder)).map(nameOf).sort(), names.sort())
})

test('names keep their bytes, and entries tell files, directories and links', async () => {
  if (process.platform !== 'linux' || isDeno) skip('other systems refuse such names, and Deno replaces them')
  const folder = temporaryFolder()
  mkdirSync(`${folder}/ä`)
  symlinkSync('nowhere', `${folder}/link`)
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/x`), Buffer.from([0xff])]), '')
  const listed = (await listDirectory(folder)).sort((a, b) => (a.bytes < b.bytes ? -1 : 1))
  assert.equal(listed.map(nameOf), ['link', 'x\udcff', 'ä'])
  assert.equal(listed.map(textOf), ['link', 'x\ufffd', 'ä'])
  assert.equal(
    listed.map(({ type }) => type),
    ['link', 'file', 'directory'],
  )
})

test('what is no directory, or is missing, is an error of the operating system', async () => {
  const folder = temporaryFolder()
  writeFileSync(`${folder}/file`, '')
  const codeOf = (path: string): Promise<unknown> =>
    listDirectory(path).catch((error: NodeJS.ErrnoException) => error.code)
  assert.is(await codeOf(`${folder}/file`), 'ENOTDIR')
  assert.is(await codeOf(`${folder}/missing`), 'ENOENT')
})

test.run()

/** Files that are overwritten where they are. */
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { overwrite } from '../../../../src/host/copy/write/in-place.ts'
import { atEnd } from '../../../support/scope.ts'
import { test } from '../../../support/suite.ts'

/** Overwrites a file; `mode` is how the new contents are open. */
function overwritten(
  before: string,
  after: string,
  { holes = 0, mode = 'r' } = {},
): { error: unknown; contents: string } {
  const folder = mkdtempSync(join(tmpdir(), 'in-place-'))
  const [target, staged] = [join(folder, 'target'), join(folder, 'staged')]
  writeFileSync(target, before)
  if (holes > 0) truncateSync(target, holes)
  writeFileSync(staged, after)
  const [from, to] = [openSync(staged, mode), openSync(target, 'r+')]
  atEnd(() => {
    closeSync(from)
    closeSync(to)
    rmSync(folder, { recursive: true })
  })
  let error: unknown
  try {
    overwrite({ from, staged, to, target })
  } catch (caught) {
    error = caught
  }
  assert.equal(readdirSync(folder).sort(), ['staged', 'target'])
  return { error, contents: readFileSync(target, 'latin1') }
}

test('a file gets new contents that are shorter, longer, empty or as long', () => {
  for (const [before, after] of [
    ['before', 'new'],
    ['old', 'new, and longer'],
    ['before', ''],
    ['', 'new'],
    ['old', 'new'],
  ] as const)
    assert.equal(overwritten(before, after), { error: undefined, contents: after })
})

test('a file with holes gets new contents, shorter and longer', () => {
  assert.equal(overwritten('before', 'new', { holes: 1_000_000 }), { error: undefined, contents: 'new' })
  const after = 'new'.repeat(500_000)
  assert.equal(overwritten('before', after, { holes: 1_000_000 }), { error: undefined, contents: after })
})

test('a file that may need space is as it was when overwriting it fails, and nothing else is left', () => {
  // The new contents cannot be read.
  const { error, contents } = overwritten('before', 'new', { holes: 100_000, mode: 'a' })
  assert.is((error as NodeJS.ErrnoException).code, 'EBADF')
  assert.is(contents, `before${'\0'.repeat(100_000 - 6)}`)
})

test.run()

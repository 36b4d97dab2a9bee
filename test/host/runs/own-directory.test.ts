import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { openOwnDirectory } from '../../../src/host/runs/own-directory.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

test('a directory is made for its user only, and locked', () => {
  const path = join(temporaryFolder(), 'a', 'b')
  openOwnDirectory(path, { isPrivate: true })
  assert.is(statSync(path).mode & 0o777, 0o700)
  writeFileSync(join(path, 'lock'), '1')
  assert.throws(() => openOwnDirectory(path, { isPrivate: true }), /the server with process id 1 uses it/)
})

test('what others can write is refused, and what they can read where it must be private', () => {
  const path = temporaryFolder()
  chmodSync(path, 0o755)
  openOwnDirectory(path, { isPrivate: false })
  assert.throws(() => openOwnDirectory(path, { isPrivate: true }), /can read it: chmod go= /)
  chmodSync(path, 0o775)
  assert.throws(() => openOwnDirectory(path, { isPrivate: false }), /can write it: chmod go-w /)
})

test.run()

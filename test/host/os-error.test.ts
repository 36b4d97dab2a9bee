import * as assert from 'uvu/assert'
import { osErrorText } from '../../src/base/os-error-text.ts'
import { fileError, spawnError } from '../../src/host/os-error.ts'
import { test } from '../support/suite.ts'

const systemError = (code: string): Error => Object.assign(new Error(code), { code })

test("errors carry the C library's words and number", () => {
  assert.is(osErrorText('ENOENT'), 'No such file or directory (os error 2)')
  assert.is(osErrorText('EROFS'), 'Read-only file system (os error 30)')
  assert.is(osErrorText('ENOTEMPTY'), 'Directory not empty (os error 39)')
  assert.is(osErrorText('ENOEXEC'), 'Exec format error (os error 8)')
  assert.is(osErrorText('ENOSPC'), 'No space left on device (os error 28)')
})

test("a missing file has its own code, what is forbidden is the request's fault, the rest the system's", () => {
  const codes = (['ENOENT', 'EACCES', 'EPERM', 'EINVAL', 'EIO', 'EEXIST'] as const).map(
    (code) => fileError(systemError(code)).code,
  )
  assert.equal(codes, [-32004, -32600, -32600, -32600, -32603, -32603])
  assert.is(spawnError(systemError('ENOENT')).code, -32603)
})

test.run()

/** The names and the text of operating system errors. */
import { constants } from 'node:os'
import * as assert from 'uvu/assert'
import { errorCode, osErrorText, reasonOf } from '../../src/base/os-error-text.ts'
import { test } from '../support/suite.ts'

/** As Node throws it for an error that libuv does not name, and as it passes it to a callback. */
const unnamed = (errno: number): Error =>
  Object.assign(new Error('UNKNOWN: unknown error, write'), { code: 'UNKNOWN', errno: -errno })
const passed = (errno: number): Error => {
  const code = `Unknown system error -${errno}`
  return Object.assign(new Error(`${code}: ${code}, write`), { code, errno: -errno })
}

test('errors have the text of the C library, and their number', () => {
  assert.is(osErrorText('ENOENT'), 'No such file or directory (os error 2)')
  assert.is(osErrorText('ENOSPC'), 'No space left on device (os error 28)')
  assert.is(osErrorText('ENOWHERE'), 'ENOWHERE')
})

test('an error that libuv has no name for has its own name and text: a quota, a stale handle', () => {
  const { EDQUOT, ESTALE } = constants.errno
  for (const [code, errno, words] of [
    ['EDQUOT', EDQUOT, 'Disk quota exceeded'],
    ['ESTALE', ESTALE, 'Stale file handle'],
  ] as const) {
    for (const error of [unnamed(errno), passed(errno)]) {
      assert.is(errorCode(error), code)
      assert.is(reasonOf(error), `${words} (os error ${errno})`)
    }
  }
  assert.is(errorCode(unnamed(99_999)), 'UNKNOWN')
})

test('what is no error of the system keeps its own words', () => {
  assert.is(errorCode('ENOENT'), undefined)
  assert.is(errorCode(Object.assign(new Error('x'), { code: 5 })), undefined)
  assert.is(reasonOf(new Error('out of luck')), 'out of luck')
})

test.run()

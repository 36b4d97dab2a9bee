import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { parseConfig } from '../../../src/cli/config/parse-config.ts'
import { test } from '../../support/suite.ts'

const lines = (text: string, ...keys: string[]): (number | undefined)[] => {
  const { lineOf } = parseConfig(text, 'f')
  return keys.map(lineOf)
}

const refusal = (text: string): string => {
  try {
    parseConfig(text, 'f')
    return ''
  } catch (error) {
    assert.instance(error, UsageError)
    return (error as UsageError).message
  }
}

test('a file that begins with a brace is JSON, any other TOML', () => {
  assert.is(parseConfig(' \n{"a": 1}', 'f').table['a'], 1)
  assert.is(parseConfig('a = 1', 'f').table['a'], 1)
  assert.equal(Object.keys(parseConfig('', 'f').table), [])
})

test('the line of a key is found, in whatever form it is written', () => {
  assert.equal(lines('# a = 1\n\n a=1\n"b-c" = 2\n[d]\ne = 1\n', 'a', 'b-c', 'd'), [3, 4, 5])
  assert.equal(lines('{\n  "a": 1, "b":\n {}}', 'a', 'b'), [2, 2])
})

test('a key in the middle of a text of several lines, or in a value, is not taken for the real one', () => {
  assert.equal(lines('x = """\na = 1\n"""\ny = [\n"a = 1",\n]\na = 2\n', 'a'), [7])
  assert.equal(lines('{"x": "\\"a\\": 1",\n"a": 2}', 'a'), [2])
})

test('a key that cannot be found has no line', () => {
  assert.equal(lines('{"\\u0061": 1}', 'a'), [undefined])
  assert.equal(lines('a = 1', '(', '.*'), [undefined, undefined])
})

test('a syntax error tells file and line, and does not quote the file', () => {
  assert.match(refusal('a = 1\nb = = "secret"\n'), /^f:2:5: /)
  assert.match(refusal('a = 1\na = 2\n'), /^f:2:/)
  assert.match(refusal('{"a": 1,\n"b" 2}'), /^f:2: expected `:`$/)
  assert.match(refusal('{"a": 1,\n"a": 2}'), /^f:2: duplicate member `a`$/)
  assert.match(refusal('{\n'), /^f:2: /)
  assert.not.match(refusal('b = = "secret"'), /secret/)
})

test.run()

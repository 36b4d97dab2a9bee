/** Patterns of the tool `glob`. */
import * as assert from 'uvu/assert'
import { namePattern } from '../../../src/mcp/text/name-pattern.ts'
import { test } from '../../support/suite.ts'

test('patterns match paths below the directory, names with a dot too', () => {
  const cases: [pattern: string, path: string, isMatch: boolean][] = [
    ['*.ts', 'a.ts', true],
    ['*.ts', 'src/a.ts', false],
    ['**/*.ts', 'a.ts', true],
    ['**/*.ts', 'src/deep/a.ts', true],
    ['**/*.{ts,js}', '.github/x.js', true],
    ['./src/*', 'src/a', true],
    ['src/', 'src/a/b', true],
    ['[ab]?', 'b1', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
  ]
  for (const [pattern, path, isMatch] of cases) assert.is(namePattern(pattern)(path), isMatch, `${pattern} ${path}`)
})

test('a pattern that leads out of the directory, or is malformed, is refused', () => {
  for (const pattern of ['/etc/*', '../*', 'a/../../b']) assert.throws(() => namePattern(pattern), /name another one/)
  for (const pattern of ['[', '{a', 'a\\']) assert.throws(() => namePattern(pattern), /cannot be used: glob/)
})

test('a pattern that would take for ever is refused, or given up', () => {
  assert.throws(() => namePattern('{a,b}'.repeat(30)), /too many alternatives/)
  const stars = namePattern(`${'*a'.repeat(200)}b`, 10_000)
  assert.throws(() => {
    for (let count = 0; count < 1000; count++) stars('a'.repeat(250))
  }, /takes too long/)
  // All within the default number of steps.
  for (const pattern of [`${'**/'.repeat(60)}x`, `${'*('.repeat(20)}a${')'.repeat(20)}b`])
    assert.is(namePattern(pattern)('aaaa/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'), false)
})

test.run()

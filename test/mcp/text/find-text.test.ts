import * as assert from 'uvu/assert'
import { finder } from '../../../src/mcp/text/find-text.ts'
import { suite } from '../../support/suite.ts'

const test = suite('find text')

/** All positions, found one after another. */
function allOf(text: string, part: string): number[] {
  const find = finder(text, part)
  const found: number[] = []
  for (let at = find(0); at >= 0; at = find(at + part.length)) found.push(at)
  return found
}

test('texts are found wherever they are, short and long ones', () => {
  assert.equal(allOf('abcabc', 'bc'), [1, 4])
  assert.equal(allOf('aaaa', 'aa'), [0, 2])
  const part = `${'ab'.repeat(3000)}c`
  const text = `${'ab'.repeat(5000)}${part}${'x'.repeat(10_000)}${part}`
  assert.ok(text.length * part.length > 10 ** 8)
  assert.equal(allOf(text, part), [10_000, 10_000 + part.length + 10_000])
  assert.equal(allOf(text, `${part}y`), [])
})

test('a text that indexOf would need minutes for is not found in a moment', () => {
  // 4 * 10 ** 11 comparisons, if each position is compared.
  const [text, half] = ['a'.repeat(4_000_000), 'a'.repeat(50_000)]
  assert.equal(allOf(text, `${half}b${half}`), [])
})

test.run()

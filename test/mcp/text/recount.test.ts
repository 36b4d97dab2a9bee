import * as assert from 'uvu/assert'
import { recounted } from '../../../src/mcp/text/recount.ts'
import { suite } from '../../support/suite.ts'

const test = suite('recount')
const lines = (...all: string[]): string => all.join('\n')

test('a patch whose counts are right stays as it is, whatever its lines look like', () => {
  const patches = [
    // The removed line is `-- x`, the added one `++ y`.
    lines('--- a/x', '+++ b/x', '@@ -1,2 +1,2 @@ f()', ' a', '--- x', '+++ y', ''),
    lines('@@ -1 +1 @@', '-a', '\\ No newline at end of file', '+b', '\\ No newline at end of file', ''),
    lines('@@ -1 +1 @@', '-a', '+b', '-- ', '2.39.0', ''),
    lines('@@ -0,0 +1 @@', '+a', '--- a/y', '+++ b/y', '@@ -1 +0,0 @@', '-b'),
  ]
  for (const patch of patches) assert.is(recounted(patch), patch)
})

test('counts that do not fit are replaced, up to the next file, hunk or end', () => {
  const cases: [before: string, counts: string][] = [
    [lines('@@ -1,9 +1,9 @@ f()', ' a', '-b', '+c', '+d', ''), '@@ -1,2 +1,3 @@ f()'],
    [lines('@@ -1 +1 @@', ' a', '-b', '+c', '', ' d', '', ''), '@@ -1,4 +1,4 @@'],
    [lines('@@ -5,7 +5,7 @@', '-a', '--- a/y', '+++ b/y', '@@ -1 +0,0 @@', '-b'), '@@ -5,1 +5,0 @@'],
    [lines('@@ -5,7 +5,7 @@', '-a', 'diff --git a/y b/y'), '@@ -5,1 +5,0 @@'],
    [lines('@@ -5,7 +5,7 @@', '-a', '-- ', '2.39.0'), '@@ -5,1 +5,0 @@'],
    [lines('@@ -3,2 +3,2 @@', '-a', '@@ -9 +9 @@', '-b', '+c'), '@@ -3,1 +3,0 @@'],
  ]
  for (const [before, counts] of cases) {
    const [first, ...rest] = recounted(before).split('\n')
    assert.is(first, counts)
    assert.is(rest.length, before.split('\n').length - 1)
  }
})

test('an empty line within a hunk is an empty line of context', () => {
  assert.is(recounted(lines('@@ -1,2 +1,2 @@', '', '-a', '+b', '')), lines('@@ -1,2 +1,2 @@', ' ', '-a', '+b', ''))
})

test.run()

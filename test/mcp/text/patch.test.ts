import * as assert from 'uvu/assert'
import { diffOf, patched, readPatch } from '../../../src/mcp/text/patch.ts'
import { suite } from '../../support/suite.ts'

const test = suite('patch')

test('a diff applies to the text that it was made of', () => {
  const [before, after] = ['a\nb\nc\n', 'a\nB\nc\nd']
  const [file] = readPatch(diffOf('/x', before, after))
  assert.is(file?.from, '/x')
  assert.is(patched(before, file as NonNullable<typeof file>), after)
  assert.throws(() => patched('other\n', file as NonNullable<typeof file>), /does not fit \/x; nothing was changed/)
})

test('the prefixes of git are taken off, and /dev/null stands for no file', () => {
  const text =
    '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/y\n@@ -0,0 +1 @@\n+c\n--- a/z\n+++ /dev/null\n@@ -1 +0,0 @@\n-d\n'
  assert.equal(
    readPatch(text).map(({ from, to }) => [from, to]),
    [
      ['x', 'x'],
      [undefined, 'y'],
      ['z', undefined],
    ],
  )
})

test('what is no unified diff is refused, and so is one that names a file twice', () => {
  for (const text of ['', 'words', '*** Begin Patch\n*** End Patch\n', '--- a/x\n+++ b/x\n'])
    assert.throws(() => readPatch(text), /patch/, text)
  const twice = '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n'
  assert.throws(() => readPatch(twice + twice), /names a file twice/)
})

test.run()

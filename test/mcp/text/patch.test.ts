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

test('the answer names the mode that a file is to get, and a patch of modes alone is refused', () => {
  const header = 'diff --git a/x b/x\n'
  const modeOf = (text: string): string | undefined => readPatch(header + text)[0]?.mode
  const hunk = '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n'
  const made = '--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+b\n'
  assert.is(modeOf(`old mode 100644\nnew mode 100755\n${hunk}`), '100755')
  assert.is(modeOf(`new file mode 100755\n${made}`), '100755')
  assert.is(modeOf(`new file mode 100644\n${made}`), undefined)
  assert.is(modeOf(hunk), undefined)
  assert.throws(() => modeOf('old mode 100644\nnew mode 100755\n'), /nothing but the mode of x: use exec with chmod/)
})

test('what a patch lacks is named', () => {
  assert.throws(() => readPatch('--- a/x\n+++ b/x\n@@\n-a\n+b\n'), /no hunk for x: hunks begin with `@@ -LINE,COUNT/)
  assert.throws(() => readPatch('diff --git a/x b/x\nBinary files a/x and b/x differ\n'), /x is binary: use write_file/)
})

test('line counts that are wrong do not keep a patch from being applied whole', () => {
  for (const counts of ['-1,9 +1,9', '-1,1 +1,1', '-1 +1', '-1,3 +1,3']) {
    const [file] = readPatch(`--- a/x\n+++ b/x\n@@ ${counts} @@\n a\n-b\n+B\n c\n`)
    assert.is(patched('a\nb\nc\n', file as NonNullable<typeof file>), 'a\nB\nc\n', counts)
  }
})

test('hunks whose places take too long to find are given up', () => {
  const text = Array.from({ length: 50_000 }, (_, index) => `${index}\n`).join('')
  // Each is expected at the end, in the light of where the one before it was found, and is at the start.
  const header = (index: number): string => `@@ -${50_000 * (index + 1)} +${50_000 * (index + 1)} @@`
  const hunks = Array.from({ length: 1000 }, (_, index) => `${header(index)}\n-${index}\n+x\n`).join('')
  const [file] = readPatch(`--- a/x\n+++ b/x\n${hunks}`)
  assert.throws(() => patched(text, file as NonNullable<typeof file>), /the search takes too long; nothing was changed/)
})

test.run()

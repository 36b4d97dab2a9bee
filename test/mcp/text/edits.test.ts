import * as assert from 'uvu/assert'
import { applyEdits } from '../../../src/mcp/text/edits.ts'
import { suite } from '../../support/suite.ts'

const test = suite('edits')
const edit = (before: string, after: string, all = false) => ({ old_text: before, new_text: after, replace_all: all })

async function refused(outcome: Promise<string>, message: RegExp): Promise<void> {
  assert.match(await outcome.then((text) => `became ${text}`, String), message)
}

test('edits apply in order, each to the outcome of those before it', async () => {
  assert.is(await applyEdits('a b', [edit('a', 'b2'), edit('b2 b', 'c')]), 'c')
})

test('a text that is there several times is replaced only with replace_all', async () => {
  await refused(applyEdits('x x', [edit('x', 'y')]), /found 2 times/)
  assert.is(await applyEdits('x x', [edit('x', 'y', true)]), 'y y')
})

test('a replacement is taken as it is, whatever a pattern would make of it', async () => {
  assert.is(await applyEdits('a.c', [edit('.', '$& $1 $$')]), 'a$& $1 $$c')
})

test('the refusal names the edit, and line ends that differ', async () => {
  await refused(applyEdits('a', [edit('a', 'b'), edit('a', 'c')]), /old_text of edit 2 was not found/)
  await refused(applyEdits('a\r\nb\n', [edit('a\nb', 'c')]), /some lines of this file end with \\r\\n/)
  await refused(applyEdits('a', [edit('', 'c')]), /is empty/)
  await refused(applyEdits('a', [edit('a', 'a')]), /are the same/)
})

test('in a text whose lines all end with \\r\\n, line ends of an edit become the same', async () => {
  assert.is(await applyEdits('a\r\nb\r\nc', [edit('a\nb', '1\n2\n3')]), '1\r\n2\r\n3\r\nc')
  assert.is(await applyEdits('a\r\nb\r\n', [edit('a\r\nb', 'x\r\ny')]), 'x\r\ny\r\n')
  assert.is(await applyEdits('a\nb', [edit('a', 'x\r\ny')]), 'x\r\ny\nb')
})

test('a text does not get longer than it may, however often something is replaced', async () => {
  const text = 'a'.repeat(1000)
  await refused(applyEdits(text, [edit('a', 'x'.repeat(1_000_000), true)], 10_000), /too large; nothing was changed/)
  assert.is((await applyEdits(text, [edit('a', 'xx', true)], 2000)).length, 2000)
})

test.run()

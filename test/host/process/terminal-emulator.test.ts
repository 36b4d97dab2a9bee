import * as assert from 'uvu/assert'
import { openTerminalEmulator } from '../../../src/host/process/terminal-emulator.ts'
import type { ScreenContent } from '../../../src/core/base/screen.ts'
import { test } from '../../support/suite.ts'

const size = { rows: 5, columns: 20 }

async function shown(text: string, at = size): Promise<ScreenContent> {
  const screen = openTerminalEmulator(at)
  await screen.write(new TextEncoder().encode(text))
  const content = screen.content()
  screen.dispose()
  return content
}

test('a screen has the text of its rows, its cursor and its title', async () => {
  const { lines, cursor, title, alternate, rows, columns } = await shown(
    '\x1b]2;a title\x07one\r\ntwo \x1b[1mbold\x1b[0m',
  )
  assert.equal(lines, ['one', 'two bold', '', '', ''])
  assert.equal(
    [cursor, title, alternate, rows, columns],
    [{ row: 1, column: 8, visible: true }, 'a title', false, 5, 20],
  )
})

test('what has scrolled off is gone, and the alternate screen hides the other', async () => {
  assert.equal((await shown('1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7')).lines, ['3', '4', '5', '6', '7'])
  const { lines, alternate } = await shown('shell\x1b[?1049h\x1b[Heditor')
  assert.equal([lines[0], alternate], ['editor', true])
  assert.equal((await shown('shell\x1b[?1049h\x1b[Heditor\x1b[?1049l')).lines[0], 'shell')
})

test('what it writes draws the same on an empty terminal, the cursor included', async () => {
  const drawing =
    '\x1b[?1049h\x1b[2J\x1b[3;4H\x1b[31;44mred\x1b[0m \x1b[7mreverse\x1b[0m\x1b[5;20H\u6f22\x1b[1;1Hwide \u6f22\u5b57 e\u0301\x1b[?25l\x1b[2;7H'
  const first = await shown(drawing)
  const again = await shown(first.ansi)
  assert.equal(again, { ...first, ansi: again.ansi })
  assert.is(again.ansi, first.ansi)
  assert.equal(first.cursor, { row: 1, column: 6, visible: false })
})

test('a resize changes what it shows, and a cursor that was hidden comes back with a reset', async () => {
  const screen = openTerminalEmulator(size)
  const write = (text: string): Promise<void> => screen.write(new TextEncoder().encode(text))
  await write('\x1b[?25l')
  screen.resize({ rows: 2, columns: 4 })
  await write('abcdef')
  assert.equal(screen.content().lines, ['abcd', 'ef'])
  assert.is(screen.content().cursor.visible, false)
  await write('\x1bc')
  assert.equal([screen.content().lines, screen.content().cursor.visible], [['', ''], true])
  screen.dispose()
})

test('a long title is cut, and sequences that are cut off draw nothing', async () => {
  assert.is((await shown(`\x1b]2;${'x'.repeat(5000)}\x07`)).title.length, 1000)
  assert.equal((await shown('ok\x1b[3')).lines[0], 'ok')
})

test.run()

import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { commands } from '../../../src/cli/commands.ts'
import { manPage, roff } from '../../../src/cli/manual/man-page.ts'
import { collectManual } from '../../../src/cli/print-manual.ts'
import { skip, test } from '../../support/suite.ts'

const manual = await collectManual(commands)
const page = manPage(manual, '1.2.3')

test('text is escaped so that it is shown as it is written', () => {
  assert.is(roff(".x -a 'b' \\n …"), '\\&.x \\-a \\(aqb\\(aq \\en \\[u2026]')
})

test('every command and every option has a place', () => {
  for (const { name } of manual.commands) assert.ok(page.includes(`\n.SS ${roff(name)}\n`), name)
  for (const { options } of [manual.server, ...manual.commands])
    for (const { names } of options) assert.ok(page.includes(`\\fB${roff(names.at(-1) as string)}\\fR`), names.join())
})

test('groff formats it without a warning, with version, options and commands', () => {
  const { error, stderr, stdout } = spawnSync('groff', ['-man', '-Tutf8', '-ww'], { input: page, encoding: 'utf8' })
  if (error !== undefined) skip('no groff')
  assert.is(stderr, '')
  const text = stdout.replace(/\x1b\[[0-9;]*m|.\x08/g, '')
  for (const line of ['exec-server 1.2.3', '--listen URL', '-s, --signal SIGNAL', 'exec-server cp SOURCE… DESTINATION'])
    assert.ok(text.includes(line), line)
})

test.run()

/** The manual of the real commands. */
import * as assert from 'uvu/assert'
import { commands } from '../../../src/cli/commands.ts'
import { parseHelp } from '../../../src/cli/manual/parse-help.ts'
import { manualPage, shortHelp } from '../../../src/cli/manual/manual.ts'
import { collectManual } from '../../../src/cli/print-manual.ts'
import { serverManual } from '../../../src/cli/serve/manuals.ts'
import { test } from '../../support/suite.ts'

test('the help of each command, and of the server, mentions exactly the options that it takes', async () => {
  const manual = await collectManual(commands)
  const helps = [serverManual(commands), ...(await Promise.all(commands.map((command) => command.manual())))]
  for (const [index, { name, options }] of [manual.server, ...manual.commands].entries()) {
    const mentioned = parseHelp(helps[index]?.help ?? '').options
    assert.equal(
      options.map(({ names }) => names.at(-1)).sort(),
      mentioned.map(({ names }) => names.at(-1)).sort(),
      name,
    )
  }
})

test('an option takes a value exactly if the help names one', async () => {
  const { server, commands: pages } = await collectManual(commands)
  for (const page of [server, ...pages]) {
    for (const { names, value } of page.options) assert.is.not(value?.name, 'VALUE', `${page.name} ${names.join()}`)
  }
})

test('an option that the help does not mention is an error', () => {
  const summary = { name: 'do', usage: '', summary: '', usesDevbox: false }
  const manual = { help: '  --this  does it\n', options: { that: { type: 'boolean' as const } } }
  assert.throws(() => manualPage(summary, manual), /the help of exec-server do does not mention --that/)
})

test('the short help leaves out details', () => {
  assert.is(shortHelp('where to listen: ws://IP:PORT (default x)'), 'where to listen')
  assert.is(shortHelp('the token (or more); else'), 'the token')
  assert.is(shortHelp('a name'), 'a name')
})

test.run()

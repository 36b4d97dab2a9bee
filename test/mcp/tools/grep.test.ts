/** The command lines of searches. */
import * as assert from 'uvu/assert'
import { searchCommand } from '../../../src/mcp/tools/grep.ts'
import { test } from '../../support/suite.ts'

const OPTIONS = {
  pattern: '-\\d',
  path: '.',
  glob: undefined,
  literal: false,
  ignore_case: false,
  context: 0,
  max_lines: 10,
} as const

test('the pattern and the path are never options, whatever searches', () => {
  for (const searcher of ['rg', 'grep -P', 'grep -E'] as const) {
    const command = searchCommand({ ...OPTIONS, glob: '*.ts', context: 2, ignore_case: true }, '/w', searcher)
    assert.equal(command.slice(-4), ['-e', '-\\d', '--', '/w'])
    assert.ok(command.includes('-i') && command.join(' ').includes('-C 2'), command.join(' '))
  }
})

test('plain text is searched as such, and expressions in the syntax that the devbox has', () => {
  const flagsOf = (literal: boolean, searcher: 'rg' | 'grep -P' | 'grep -E'): string[] =>
    searchCommand({ ...OPTIONS, literal }, '/w', searcher).filter((flag) => /^-[FPE]$/.test(flag))
  assert.equal(flagsOf(false, 'rg'), [])
  assert.equal(flagsOf(false, 'grep -P'), ['-P'])
  assert.equal(flagsOf(false, 'grep -E'), ['-E'])
  for (const searcher of ['rg', 'grep -P', 'grep -E'] as const) assert.equal(flagsOf(true, searcher), ['-F'])
})

test.run()

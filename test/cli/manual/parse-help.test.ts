import * as assert from 'uvu/assert'
import { parseHelp } from '../../../src/cli/manual/parse-help.ts'
import { test } from '../../support/suite.ts'

const HELP = `Does this, and
that.

Usage: exec-server do [options] FILE

  -r, -R, --recursive       directories, too
      --no-follow           does not
  --long-option-name PATH the file
  -H, --header 'NAME: VALUE'  may be given
                            several times
  --env-var NAME=VALUE      a variable

The end.
`

test('options have their names, the name of the value, and their text in one line', () => {
  assert.equal(parseHelp(HELP).options, [
    { names: ['-r', '-R', '--recursive'], value: undefined, help: 'directories, too' },
    { names: ['--no-follow'], value: undefined, help: 'does not' },
    { names: ['--long-option-name'], value: 'PATH', help: 'the file' },
    { names: ['-H', '--header'], value: 'NAME: VALUE', help: 'may be given several times' },
    { names: ['--env-var'], value: 'NAME=VALUE', help: 'a variable' },
  ])
})

test('paragraphs are what is neither an option nor the usage', () => {
  assert.equal(parseHelp(HELP).paragraphs, ['Does this, and that.', 'The end.'])
})

test.run()

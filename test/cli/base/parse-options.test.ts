/** Option parsing, and its errors. What each command says is in ../messages. */
import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { parseOptions } from '../../../src/cli/base/parse-options.ts'
import { test } from '../../support/suite.ts'

const options = {
  url: { type: 'string' },
  word: { type: 'string', short: 'w' },
  tty: { type: 'boolean', short: 't' },
  header: { type: 'string', short: 'H', multiple: true },
} as const

function refusal(...args: string[]): readonly [string, ...string[]] {
  try {
    parseOptions(args, options, { '-u': 'there are no users' })
  } catch (error) {
    assert.instance(error, UsageError)
    const { message, hints, exitCode } = error as UsageError
    assert.is(exitCode, 2)
    return [message, ...hints]
  }
  throw new Error(`${args.join(' ')} was accepted`)
}

test('options and arguments come in any order, flags and lists may be repeated', () => {
  const { values, positionals } = parseOptions(['a', '-tt', '-H', 'x', '--url=u', '-H', 'y', 'b'], options)
  assert.equal({ ...values }, { tty: true, header: ['x', 'y'], url: 'u' })
  assert.equal(positionals, ['a', 'b'])
})

test('each fault has a sentence of its own, in one line', () => {
  assert.equal(refusal('--ulr', 'x'), ['there is no option --ulr', 'did you mean --url?'])
  assert.equal(refusal('-x'), ['there is no option -x'])
  assert.equal(refusal('-u', 'me'), ['there are no users'])
  assert.equal(refusal('--url'), ['--url takes a value'])
  assert.equal(refusal('--url', '-t'), [
    '--url takes a value, and an option follows it',
    'a value with a dash: --url=-VALUE',
  ])
  assert.equal(refusal('--tty=1'), ['--tty takes no value'])
  assert.equal(refusal('-w', 'x', '--word', 'y'), ['option --word was given twice'])
})

test.run()

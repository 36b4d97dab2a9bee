import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { refusalOf } from '../../support/refusal.ts'
import { test } from '../../support/suite.ts'

const idle = (...args: string[]) => {
  const command = parseServe(args)
  return command.kind === 'serve' ? command.idle : undefined
}

test('a server exits when idle only if it is asked to', () => {
  assert.is(idle(), undefined)
  assert.equal(idle('--exit-when-idle', '90'), { idleMs: 90_000, command: undefined })
  assert.equal(idle('--exit-when-idle', '1', '--on-idle', 'date'), { idleMs: 1000, command: 'date' })
})

test('what makes no sense is a usage error', () => {
  for (const value of ['0', '-1', '1.5', 'x', '', '604801'])
    assert.match(refusalOf([`--exit-when-idle=${value}`])?.message ?? '', 'takes a whole number from 1 to 604800')
  assert.match(refusalOf(['--on-idle', 'date'])?.message ?? '', 'requires --exit-when-idle')
  assert.match(refusalOf(['--exit-when-idle', '9', '--on-idle', ''])?.message ?? '', 'takes a shell command')
  assert.match(refusalOf(['--listen', 'stdio', '--exit-when-idle', '9'])?.message ?? '', 'requires a listener')
})

test.run()

import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { refusalOf } from '../../support/refusal.ts'
import { test } from '../../support/suite.ts'

const starts = (args: readonly string[], fromFile: Record<string, boolean> = {}): unknown => {
  const command = parseServe(args, fromFile)
  return command.kind === 'serve' ? command.starts : undefined
}

test('both kinds of starts are allowed unless one is turned off', () => {
  assert.equal(starts([]), { direct: true, prepared: true })
  assert.equal(starts(['--no-direct']), { direct: false, prepared: true })
  assert.equal(starts(['--no-prepared']), { direct: true, prepared: false })
  assert.equal(starts([], { direct: false }), { direct: false, prepared: true })
  assert.equal(starts(['--direct'], { direct: false }), { direct: true, prepared: true })
})

test('turning off both is refused', () => {
  assert.match(refusalOf(['--no-direct', '--no-prepared'])?.message ?? '', /leave no command to start/)
})

test.run()

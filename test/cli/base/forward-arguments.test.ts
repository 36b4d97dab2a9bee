import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { openForward, parseForward } from '../../../src/cli/base/forward-arguments.ts'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { test } from '../../support/suite.ts'

const forwardOf = (args: readonly string[], fromFile = {}) => {
  const command = parseServe(args, fromFile)
  if (command.kind !== 'serve') throw new Error(command.kind)
  return command.forward
}

test('network connections are allowed unless the command line or a file says otherwise', () => {
  assert.equal(forwardOf([]), { isAllowed: true, rules: undefined })
  assert.equal(forwardOf(['--no-forward']), { isAllowed: false, rules: undefined })
  assert.equal(forwardOf([], { forward: false }), { isAllowed: false, rules: undefined })
  assert.equal(forwardOf(['--forward'], { forward: false }), { isAllowed: true, rules: undefined })
  assert.throws(() => parseForward({ forward: false, 'forward-policy': '{}' }), /exclude each other/)
})

test('rules are read and compiled when the server starts, and refused by what is wrong with them', async () => {
  assert.equal(await openForward({ isAllowed: true, rules: undefined }), { isAllowed: true })
  const { policy } = await openForward({ isAllowed: true, rules: '{"allow":["10.0.0.0/8"]}' })
  assert.ok(policy?.allows('10.0.0.1', '10.0.0.1'))
  assert.not(policy?.allows('127.0.0.1', '127.0.0.1'))
  for (const rules of ['{', '{"allow":["a b"]}', '/no/such/file', 'relative'])
    await openForward({ isAllowed: true, rules }).then(
      () => assert.unreachable(rules),
      (error) => {
        assert.instance(error, UsageError)
        assert.match(error.message, /^--forward-policy: /)
        assert.is(error.exitCode, 2)
      },
    )
})

test.run()

import * as assert from 'uvu/assert'
import { UsageError } from '../../../src/base/usage-error.ts'
import { configFile } from '../../../src/cli/config/config-argument.ts'
import { test } from '../../support/suite.ts'

test("a dotted key with = is an override of Codex's configuration, all else is a file", () => {
  for (const override of ['model="x"', 'a.b=1', 'a."b c".d = []', 'x='])
    assert.equal(configFile([override]), { file: undefined, hasOverrides: true }, override)
  for (const file of ['exec-server.toml', '/etc/a=b.toml', './a=b', '/dev/fd/3', 'a b'])
    assert.equal(configFile([file]), { file, hasOverrides: false }, file)
  assert.equal(configFile(undefined), { file: undefined, hasOverrides: false })
  assert.equal(configFile(['a=1', '/f', 'b=2']), { file: '/f', hasOverrides: true })
})

test('an empty name, and two files, are refused', () => {
  assert.throws(
    () => configFile(['']),
    (error: unknown) => error instanceof UsageError && error.exitCode === 2,
  )
  assert.throws(() => configFile(['/a', '/b']), /takes one file/)
})

test.run()

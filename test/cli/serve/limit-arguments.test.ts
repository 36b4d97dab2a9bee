import * as assert from 'uvu/assert'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { help } from '../../../src/cli/serve/help.ts'
import { limitHelp, limitOptions, readLimits } from '../../../src/cli/serve/limit-arguments.ts'
import { UsageError } from '../../../src/base/usage-error.ts'
import { test } from '../../support/suite.ts'

const flags = Object.keys(limitOptions) as (keyof typeof limitOptions)[]

const refusal = (flag: string, value: string): string => {
  try {
    readLimits({ [flag]: value })
    return ''
  } catch (error) {
    assert.instance(error, UsageError)
    assert.is((error as UsageError).exitCode, 2)
    return (error as Error).message
  }
}

test('every flag sets one limit, a different one each, and none is set that was not given', () => {
  assert.equal(readLimits({}), {})
  const set = flags.flatMap((flag) => Object.keys(readLimits({ [flag]: '7' })))
  assert.is(new Set(set).size, flags.length)
  assert.ok(set.every((name) => Object.hasOwn(defaultServeLimits, name)))
})

test('seconds become milliseconds, and MiB bytes', () => {
  const given = {
    'session-ttl-seconds': '2',
    'handshake-seconds': '3',
    'drain-seconds': '4',
    'retained-mib': '5',
    'stdin-mib': '6',
    'max-requests': '7',
  }
  assert.equal(readLimits(given), {
    sessionTtlMs: 2000,
    handshakeMs: 3000,
    drainMs: 4000,
    retainedTotal: 5 * 1024 * 1024,
    stdinTotal: 6 * 1024 * 1024,
    waitingRequests: 7,
  })
})

test('what is no whole number, or out of bounds, is refused with the bounds', () => {
  for (const flag of flags) {
    for (const value of ['', '-1', '1.5', '1e3', 'x', ' 1', '0x10', '16777217', '99999999999']) {
      assert.match(
        refusal(flag, value),
        new RegExp(`^--${flag} takes a whole number from [01] to [0-9]+, not '${value}'$`),
      )
    }
    const [, max] = /to ([0-9]+),/.exec(refusal(flag, 'x')) as unknown as [string, string]
    assert.is(refusal(flag, max), '')
    assert.is(refusal(flag, String(Number(max) + 1)) === '', false)
    // A timer of more than that would ring at once.
    const [limit] = Object.entries(readLimits({ [flag]: max }))[0] as [keyof typeof defaultServeLimits, number]
    if (limit.endsWith('Ms')) assert.ok((readLimits({ [flag]: max })[limit] as number) < 2 ** 31)
    // Only the drain may be none at all.
    assert.is(refusal(flag, '0') === '', flag === 'drain-seconds')
  }
})

test('the help has a line for each flag, with the default that is in force', () => {
  assert.ok(help([]).includes(limitHelp))
  const lines = limitHelp.split('\n')
  assert.is(lines.length, flags.length)
  for (const [index, flag] of flags.entries()) {
    assert.ok(lines[index]?.startsWith(`  --${flag} N `), lines[index])
    assert.ok((lines[index]?.length as number) <= 120, lines[index])
  }
  assert.match(limitHelp, /--retained-mib N {5,}[^\n]+\(default 256\)\n/)
  assert.match(limitHelp, /--session-ttl-seconds N {2,}[^\n]+\(default 80\)\n/)
})

test.run()

import * as assert from 'uvu/assert'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { defaultHostLimits } from '../../../src/host/limits.ts'
import { defaultServerLimits } from '../../../src/server/limits.ts'
import { test } from '../../support/suite.ts'

test('each limit has one home', () => {
  const parts = [defaultLimits, defaultHostLimits, defaultServerLimits]
  assert.is(
    Object.keys(defaultServeLimits).length,
    parts.reduce((sum, part) => sum + Object.keys(part).length, 0),
  )
})

test.run()

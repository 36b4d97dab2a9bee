import * as assert from 'uvu/assert'
import { defaultServerLimits } from '../../src/server/limits.ts'
import { test } from '../support/suite.ts'

test('a frame is no larger than what clients take', () => {
  assert.ok(defaultServerLimits.frameBytes <= 16 * 1024 * 1024)
})

test.run()

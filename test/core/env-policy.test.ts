import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { wildcard } from '../../src/core/env-policy.ts'

test('a wildcard matches the whole name without case', () => {
  assert.ok(wildcard('*KEY*')('monkey'))
})

test.run()

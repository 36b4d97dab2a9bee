/** The tokens of previews. */
import * as assert from 'uvu/assert'
import { createPreviewKeys } from '../../../src/server/preview/preview-keys.ts'
import { test } from '../../support/suite.ts'

test('a token opens its port, and no other', () => {
  const keys = createPreviewKeys()
  const token = keys.tokenOf(5173)
  assert.match(token, /^[A-Za-z0-9_-]{43}$/)
  assert.ok(keys.isTokenOf(5173, token))
  assert.not(keys.isTokenOf(5174, token))
  assert.not(keys.isTokenOf(5173, `${token}x`))
  assert.not(keys.isTokenOf(5173, ''))
})

test('each server has tokens and an id of its own, which are lost with it', () => {
  const [one, other] = [createPreviewKeys(), createPreviewKeys()]
  assert.match(one.id, /^[0-9a-f]{16}$/)
  assert.is.not(one.id, other.id)
  assert.not(other.isTokenOf(80, one.tokenOf(80)))
  const key = new Uint8Array(32)
  assert.is(createPreviewKeys(key).tokenOf(80), createPreviewKeys(key).tokenOf(80))
})

test.run()

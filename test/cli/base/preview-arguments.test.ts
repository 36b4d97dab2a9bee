/** When --preview is allowed. */
import * as assert from 'uvu/assert'
import { parsePreview } from '../../../src/cli/base/preview-arguments.ts'
import type { Listen } from '../../../src/server/http/listen-url.ts'
import { test } from '../../support/suite.ts'

const websocket: Listen = { kind: 'websocket', address: '127.0.0.1', port: 0, isSecure: false }

test('there are previews only where they are asked for', () => {
  assert.is(parsePreview({ preview: true }, websocket), true)
  assert.is(parsePreview({}, websocket), false)
  assert.is(parsePreview({ preview: false }, { kind: 'stdio' }), false)
})

test('a browser must be able to connect', () => {
  for (const listen of [{ kind: 'stdio' }, { kind: 'unix', path: '/run/x' }] as const)
    assert.throws(() => parsePreview({ preview: true }, listen), /requires a WebSocket listener/)
})

test('where nothing acts outside of a sandbox, rules must say what may be shown', () => {
  const values = { preview: true, 'require-sandbox': true }
  assert.throws(() => parsePreview(values, websocket), /requires --forward-policy/)
  assert.is(parsePreview({ ...values, 'forward-policy': '{}' }, websocket), true)
})

test.run()

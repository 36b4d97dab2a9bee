import * as assert from 'uvu/assert'
import { createRefusals } from '../../../src/server/telemetry/refusals.ts'
import type { Refused } from '../../../src/server/telemetry/refusals.ts'
import type { LogLevel } from '../../../src/base/log-level.ts'
import { test } from '../../support/suite.ts'

const LIMITS = { refusalLines: 3, refusalWindowMs: 1000 }
const wrongToken: Refused = { status: 401, reason: 'token', peer: '192.0.2.1:5', why: 'invalid' }
const wrongHost: Refused = { status: 403, reason: 'host', peer: '192.0.2.1:6', why: 'x'.repeat(5000) }

function logged(most: 'warn' | 'info') {
  const lines: [LogLevel, Readonly<Record<string, unknown>>][] = []
  let time = 0
  const log = {
    has: (level: LogLevel) => level !== 'debug' && (most === 'info' || level !== 'info'),
    write: (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>> = {}) =>
      void lines.push([level, { event, ...fields }]),
    dropped: () => 0,
  }
  return { refusals: createRefusals(log, LIMITS, () => time), lines, pass: (ms: number) => (time += ms) }
}

test('the first refusal for each reason is a warning, further ones are for level info', () => {
  const { refusals, lines } = logged('info')
  for (const each of [wrongToken, wrongToken, wrongHost]) refusals.note(each)
  assert.equal(
    lines.map(([level, { event, status, reason, peer }]) => [level, event, status, reason, peer]),
    [
      ['warn', 'connectionRefused', 401, 'token', '192.0.2.1:5'],
      ['info', 'connectionRefused', 401, 'token', '192.0.2.1:5'],
      ['warn', 'connectionRefused', 403, 'host', '192.0.2.1:6'],
    ],
  )
  assert.ok(String(lines[2]?.[1]['why']).length < 1000)
  const quiet = logged('warn')
  for (const each of [wrongToken, wrongToken]) quiet.refusals.note(each)
  assert.is(quiet.lines.length, 1)
})

test('in each window of time a few are logged; the next line says how many were omitted', () => {
  const { refusals, lines, pass } = logged('info')
  for (let count = 0; count < 10; count++) refusals.note(wrongToken)
  assert.is(lines.length, 1 + LIMITS.refusalLines)
  pass(LIMITS.refusalWindowMs)
  refusals.note(wrongToken)
  assert.is(lines.at(-1)?.[1]['omittedBefore'], 10 - 1 - LIMITS.refusalLines)
  refusals.note(wrongToken)
  assert.is(lines.at(-1)?.[1]['omittedBefore'], undefined)
})

test('all of them are counted, logged or not', () => {
  const { refusals } = logged('warn')
  for (let count = 0; count < 10; count++) refusals.note(wrongToken)
  refusals.note(wrongHost)
  assert.equal(refusals.counts(), { token: 10, origin: 0, host: 1, user: 0, confined: 0, connections: 0, tls: 0 })
})

test.run()

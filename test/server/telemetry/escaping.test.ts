/** What clients send never reaches the log, the audit log or the metrics as a control or bidirectional character. */
import * as assert from 'uvu/assert'
import { defaultServerLimits } from '../../../src/server/limits.ts'
import { createAudit } from '../../../src/server/telemetry/audit.ts'
import { createLog } from '../../../src/server/telemetry/log.ts'
import { labelText } from '../../../src/server/telemetry/metrics.ts'
import { test } from '../../support/suite.ts'

const NASTY = 'a\x1b[2J\n\x7f\x85\x9b\u061c\u200e\u202e\u2028\u2066é"\\'
const ACTIVE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u

const checked = (line: string): Record<string, unknown> => {
  assert.not.match(line.replace(/\n$/, ''), ACTIVE)
  return JSON.parse(line) as Record<string, unknown>
}

test('a line of the log has none, and its value is what it was', () => {
  const lines: string[] = []
  const sink = (line: string): boolean => lines.push(line) > 0
  createLog('info', sink, defaultServerLimits).write('info', 'event', { client: NASTY, [NASTY]: [NASTY] })
  assert.is(lines.length, 1)
  const line = checked(lines[0] as string)
  assert.equal([line['client'], line[NASTY]], [NASTY, [NASTY]])
})

test('a line of the audit log has none, and its value is what it was', () => {
  const lines: string[] = []
  const log = createLog('error', () => true, defaultServerLimits)
  const audit = createAudit({ write: (line) => void lines.push(line), close: () => {} }, log, defaultServerLimits)
  audit.starting({
    run: 1,
    peer: { connection: 1, address: '127.0.0.1:1', client: NASTY, session: 's' },
    processId: NASTY,
    spec: { argv: [NASTY], cwd: `/${NASTY}`, env: new Map([[NASTY, '']]), stdin: 'none' },
    sandboxType: undefined,
  } as never)
  const line = checked(lines.at(-1) as string)
  assert.equal([line['argv'], line['cwd'], line['env']], [[NASTY], `/${NASTY}`, [NASTY]])
})

test('a label of a metric has none', () => {
  const text = labelText({ method: NASTY })
  assert.not.match(text, ACTIVE)
  assert.match(text, /^\{method="a\\\\x1b\[2J\\\\x0a.*é\\"\\\\"\}$/)
})

test.run()

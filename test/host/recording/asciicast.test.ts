import * as assert from 'uvu/assert'
import { castEvent, castHeader, castSize } from '../../../src/host/recording/asciicast.ts'
import { test } from '../../support/suite.ts'

test('the header is one line with size, time, command and title', () => {
  const line = castHeader({
    argv: ['/bin/sh', '-c', `echo 'a b'\n`, ''],
    size: { rows: 5, columns: 7 },
    startedAtMs: 1999,
  })
  assert.is(line.indexOf('\n'), line.length - 1)
  assert.equal(JSON.parse(line), {
    version: 2,
    width: 7,
    height: 5,
    timestamp: 1,
    command: `/bin/sh -c 'echo '\\''a b'\\''\n' ''`,
    title: 'sh',
  })
})

test('a long command is cut, and stays valid', () => {
  const line = castHeader({ argv: ['x', '😀'.repeat(5000)], size: { rows: 1, columns: 1 }, startedAtMs: 0 })
  const { command } = JSON.parse(line) as { command: string }
  assert.ok(command.length <= 4096 && command.isWellFormed())
})

test('an event is one line, whatever is in it', () => {
  const line = castEvent(1234.5678, 'o', 'a"\\\n\u001b[2J\u2028')
  assert.is(line.indexOf('\n'), line.length - 1)
  assert.equal(JSON.parse(line), [1.234568, 'o', 'a"\\\n\u001b[2J\u2028'])
  assert.is(castSize({ rows: 24, columns: 80 }), '80x24')
})

test.run()

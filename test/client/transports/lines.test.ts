import * as assert from 'uvu/assert'
import { ProtocolError } from '../../../src/client/base/errors.ts'
import { textLines } from '../../../src/client/transports/lines.ts'
import { test } from '../../support/suite.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

test('lines are decoded and trimmed, blank ones skipped, and the last one needs no newline', () => {
  const lines: string[] = []
  const reader = textLines(100, (line) => lines.push(line))
  const text = bytes('{"a":1}\r\n \n\u00a0\n  {"ü":2}\t\n{"c":3}')
  for (const byte of text) reader.push(Uint8Array.of(byte))
  reader.end()
  assert.equal(lines, ['{"a":1}', '{"ü":2}', '{"c":3}'])
})

test('a line that is too long is an error, after the lines before it', () => {
  const lines: string[] = []
  const reader = textLines(3, (line) => lines.push(line))
  assert.throws(
    () => reader.push(bytes('abc\nabcd\n')),
    (error: Error) => error instanceof ProtocolError && error.message === 'a line has more than 3 bytes',
  )
  assert.equal(lines, ['abc'])
})

test.run()

import * as assert from 'uvu/assert'
import { UsageError } from '../../../../src/base/usage-error.ts'
import { parseForward, shownEndpoint } from '../../../../src/cli/devbox/forward/forward-spec.ts'
import { test } from '../../../support/suite.ts'

const shown = (text: string): string => {
  const { listen, target } = parseForward(text)
  return `${shownEndpoint(listen)} -> ${shownEndpoint(target)}`
}

test('a forward is a target, with or without where to listen, as with ssh', () => {
  const table: Record<string, string> = {
    '5173': 'localhost:5173 -> localhost:5173',
    '8080:5173': 'localhost:8080 -> localhost:5173',
    '0:5173': 'localhost:0 -> localhost:5173',
    'db.internal:5432': 'localhost:5432 -> db.internal:5432',
    '15432:db.internal:5432': 'localhost:15432 -> db.internal:5432',
    '127.0.0.2:8080:5173': '127.0.0.2:8080 -> localhost:5173',
    '127.0.0.2:8080:10.0.0.1:80': '127.0.0.2:8080 -> 10.0.0.1:80',
    '*:8080:5173': '*:8080 -> localhost:5173',
    '[::1]:5173': 'localhost:5173 -> [::1]:5173',
    '[::1]:8080:[fe80::1%eth0]:80': '[::1]:8080 -> [fe80::1%eth0]:80',
    '8080:/run/app.sock': 'localhost:8080 -> /run/app.sock',
    '/tmp/a.sock:/run/b.sock': '/tmp/a.sock -> /run/b.sock',
    './a.sock:5432': './a.sock -> localhost:5432',
  }
  for (const [text, expected] of Object.entries(table)) assert.is(shown(text), expected, text)
})

test('what is none is refused, with the text as it was given', () => {
  const wrong = [
    '',
    ':',
    ':80',
    '80:',
    'host',
    'host:',
    '80:host',
    '1:2:3',
    'a:b:80',
    '1:a:2:b:3',
    '65536',
    '0',
    '8080:0',
    '/run/app.sock',
    '[::1]',
    '[::1:80',
    '[x]:80',
    '::1:80',
    '80:/a:80',
    '-1',
  ]
  for (const text of wrong) {
    try {
      assert.unreachable(`${text} was taken as ${shown(text)}`)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      assert.is(error.exitCode, 2)
      assert.ok(error.message.includes(`'${text}'`), error.message)
    }
  }
})

test.run()

import * as assert from 'uvu/assert'
import { escapeKeys } from '../../../../src/cli/devbox/run/escape-keys.ts'
import { test } from '../../../support/suite.ts'

/** What goes through, and what is done, for chunks of keys. */
function typed(...chunks: string[]): { through: string; done: string[] } {
  const done: string[] = []
  const filter = escapeKeys({
    leave: () => done.push('leave'),
    suspend: () => done.push('suspend'),
    list: () => done.push('list'),
  })
  const through = chunks.map((chunk) => new TextDecoder().decode(filter(new TextEncoder().encode(chunk)))).join('')
  return { through, done }
}

test('a sequence at the beginning of a line is for us', () => {
  assert.equal(typed('~.'), { through: '', done: ['leave'] })
  assert.equal(typed('~', '?', 'x'), { through: 'x', done: ['list'] })
  assert.equal(typed('ls\r', '~', '\x1a'), { through: 'ls\r', done: ['suspend'] })
  assert.equal(typed('\n~?~.'), { through: '\n', done: ['list', 'leave'] })
})

test('two tildes send one, and any other key sends both', () => {
  assert.equal(typed('~~', '.'), { through: '~.', done: [] })
  assert.equal(typed('~', 'x', '~.'), { through: '~x~.', done: [] })
  assert.equal(typed('~', '\r', '~.'), { through: '~\r', done: ['leave'] })
})

test('elsewhere in a line, and in pasted text, a tilde is a tilde', () => {
  assert.equal(typed('cp ~.', '\r'), { through: 'cp ~.\r', done: [] })
  assert.equal(typed('a', '~', '.'), { through: 'a~.', done: [] })
  const text = `~.\n${'x'.repeat(100)}\n`
  assert.equal(typed(text, '~.'), { through: text, done: ['leave'] })
})

test.run()

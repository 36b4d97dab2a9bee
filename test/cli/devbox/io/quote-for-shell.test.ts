import { execFileSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { quoteForShell } from '../../../../src/cli/devbox/io/quote-for-shell.ts'
import { test } from '../../../support/suite.ts'

const words = [
  'plain',
  'a-b_c=d:e,f./%@+',
  '',
  ' ',
  'a b',
  "it's",
  '"',
  '\\',
  '$HOME',
  '*',
  'é→😀',
  'a\nb',
  "\x1b[2J'\\",
  '\x7f',
  '\t',
  "x'\ny\\n",
]

test('a shell reads back what is shown of an argument', () => {
  for (const word of words)
    assert.is(
      execFileSync('bash', ['--norc', '-c', `printf %s ${quoteForShell(word)}`], {
        encoding: 'utf8',
        env: { LC_ALL: 'C.UTF-8' },
      }),
      word,
      word,
    )
})

test('nothing that is shown moves a cursor or turns the direction of text', () => {
  for (const text of [...words, '\u202egnp.exe', '\u2066x', '\u200fx', '\x9b2J', '\r', '\0'])
    assert.not.match(quoteForShell(text), /[\p{Cc}\p{Bidi_Control}]/u)
})

test('words that need no quotes have none', () => {
  assert.is(quoteForShell('src/main.ts'), 'src/main.ts')
  assert.is(quoteForShell('grüße'), 'grüße')
})

test.run()

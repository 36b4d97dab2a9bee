/** The completions, in the shells that they are for. */
import * as assert from 'uvu/assert'
import { commands } from '../../../src/cli/commands.ts'
import { test } from '../../support/suite.ts'
import { askBash, askFish, askZsh } from './shells.ts'

const names = commands.map(({ name }) => name)

test('bash completes commands, and what a command takes', () => {
  assert.equal(askBash('exec-server', ''), names)
  assert.equal(askBash('exec-server', 'ru'), ['run'])
  assert.equal(askBash('exec-server', 'completions', ''), ['bash', 'zsh', 'fish'])
})

test('bash completes the options of the server and of each command', () => {
  assert.equal(askBash('exec-server', '--log-le'), ['--log-level'])
  assert.equal(askBash('exec-server', '--listen', 'stdio', '--log-l'), ['--log-level'])
  assert.equal(askBash('exec-server', 'run', '--cw'), ['--cwd'])
  assert.equal(askBash('exec-server', 'ps', '--cw'), [])
})

test('bash completes the values of options that take one of a few', () => {
  assert.equal(askBash('exec-server', '--log-level', ''), ['error', 'warn', 'info', 'debug'])
  assert.equal(askBash('exec-server', '--log-level', '=', 'de'), ['debug'])
  assert.equal(askBash('exec-server', 'kill', '-s', 'T'), ['TERM'])
})

test('bash leaves the command that is to run alone', () => {
  assert.equal(askBash('exec-server', 'run', '--url', 'ws://x', '--cw'), ['--cwd'])
  assert.equal(askBash('exec-server', 'run', 'ls', '--cw'), [])
  assert.equal(askBash('exec-server', 'run', '--', '--cw'), [])
})

test.full('fish completes commands, options and values', () => {
  const offered = askFish('exec-server ')
  for (const name of names) assert.ok(offered.includes(name), `${name} of ${offered}`)
  assert.equal(askFish('exec-server ru'), ['run'])
  assert.equal(askFish('exec-server --log-le'), ['--log-level'])
  assert.equal(askFish('exec-server --log-level de'), ['debug'])
  assert.equal(askFish('exec-server run --cw'), ['--cwd'])
  assert.equal(askFish('exec-server ps --cw'), [])
  assert.equal(askFish('exec-server completions '), ['bash', 'fish', 'zsh'])
})

test.full('zsh completes commands, options and values', () => {
  const lines = ['exec-server ru', 'exec-server --log-l', 'exec-server --log-level de', 'exec-server kill -s TE']
  assert.equal(
    askZsh(...lines, 'exec-server run --cw', 'exec-server completions z').map((line) => line.replace(/[ =]$/, '')),
    [
      'exec-server run',
      'exec-server --log-level',
      'exec-server --log-level debug',
      'exec-server kill -s TERM',
      'exec-server run --cwd',
      'exec-server completions zsh',
    ],
  )
})

test.run()

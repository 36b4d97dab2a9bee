/** What a command line of Codex asks for. */
import * as assert from 'uvu/assert'
import { parseCodexCall } from '../../../../src/cli/devbox/codex/command-line.ts'
import { parseCodex } from '../../../../src/cli/devbox/codex/arguments.ts'
import { test } from '../../../support/suite.ts'

const KINDS: readonly [string, string][] = [
  ['', 'tui'],
  ['fix the tests', 'tui'],
  ['resume --last', 'tui'],
  ['-m exec', 'tui'],
  ['-m gpt exec -s read-only', 'batch'],
  ['--config a=b e prompt', 'batch'],
  ['-c a=b login', 'none'],
  ['--model=x mcp list', 'none'],
  ['exec --help', 'none'],
  ['-V', 'none'],
  ['-- login', 'tui'],
]

test('the subcommand says whether Codex runs commands, and where a person types', () => {
  for (const [line, kind] of KINDS) assert.is(parseCodexCall(line.split(' ').filter(Boolean)).kind, kind, line)
})

test('the directory is found in every spelling, before and behind the subcommand', () => {
  for (const args of [['-C', '/srv'], ['-C/srv'], ['--cd=/srv'], ['exec', '--cd', '/srv'], ['-m', '-C', '-C', '/srv']])
    assert.is(parseCodexCall(args).directory, '/srv', args.join(' '))
  assert.is(parseCodexCall(['exec', '--', '-C', '/srv']).directory, undefined)
})

test('what works with the background server is found', () => {
  for (const [line, found] of [
    ['agents', 'agents'],
    ['--remote ws://127.0.0.1:1 exec', '--remote'],
    ['app-server daemon start', 'app-server daemon'],
    ['app-server', undefined],
    ['exec agents', undefined],
  ] as const)
    assert.is(parseCodexCall(line.split(' ')).usesDaemon, found, line)
})

test('our options stand before the arguments of Codex, and one of Codex there is refused with what to do', () => {
  const parsed = parseCodex(['--url', 'ws://127.0.0.1:1', 'exec', '--url', 'theirs'])
  assert.equal([parsed?.target.url, parsed?.args], ['ws://127.0.0.1:1', ['exec', '--url', 'theirs']])
  assert.equal(parseCodex(['--env', 'a', '--', '-m', 'x'])?.args, ['-m', 'x'])
  assert.throws(() => parseCodex(['-m', 'x']), /-m is an option of Codex: those stand after --/)
  assert.throws(() => parseCodex(['--local']), /to work on this machine, run codex itself/)
})

test.run()

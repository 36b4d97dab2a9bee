/** Which devbox the options mean. The messages are in ../messages. */
import * as assert from 'uvu/assert'
import { noDevbox } from '../../../src/cli/devbox/no-devbox.ts'
import { reachable } from '../../../src/cli/devbox/listening.ts'
import { checkTarget } from '../../../src/cli/devbox/options.ts'
import { parseRun } from '../../../src/cli/devbox/run/run-arguments.ts'
import { test } from '../../support/suite.ts'

test('an error without a devbox tells the three ways to name one, and the server that runs here', () => {
  const { exitCode, hints } = noDevbox(['local', 'box'], ['ws://127.0.0.1:4600'], ['first'])
  assert.is(exitCode, 255)
  assert.equal(hints, [
    'first',
    'name one: --url ws://HOST:PORT, --env ID (box), or CODEX_EXEC_SERVER_URL=ws://HOST:PORT',
    'a server of yours listens on this machine: --url ws://127.0.0.1:4600',
    'this machine is used only with --local',
  ])
})

test('of many servers that run here three are named, each once', () => {
  const urls = [1, 1, 2, 3, 4, 5].map((port) => `ws://127.0.0.1:${port}`)
  assert.equal(noDevbox([], urls).hints.slice(1, -1), [
    ...[1, 2, 3].map((port) => `a server of yours listens on this machine: --url ws://127.0.0.1:${port}`),
    'so do 2 more',
  ])
})

test('options that name two devboxes are refused', () => {
  assert.throws(() => checkTarget({ url: 'ws://x', local: true }), /--url and --local name two devboxes/)
  assert.throws(() => checkTarget({ env: 'x', local: true }), /--env and --local name two devboxes/)
  checkTarget({ local: true })
})

test('a flag behind the command is the command’s; one that can only be ours is noticed', () => {
  const misplaced = (...args: string[]): string | undefined => parseRun(args, false)?.misplaced
  assert.is(misplaced('ls', '--url', 'ws://x'), '--url')
  assert.is(misplaced('ls', '--url=unix:/x'), '--url=unix:/x')
  assert.is(misplaced('ls', '--bearer-token-file', 'x'), '--bearer-token-file')
  for (const args of [
    ['ls', '--url', 'https://x'],
    ['ls', '-t'],
    ['ls', '--', '--url', 'ws://x'],
    ['--', 'ls', '--url', 'ws://x'],
    ['--url', 'ws://x', 'ls'],
  ])
    assert.is(misplaced(...args), undefined, args.join(' '))
  assert.equal(parseRun(['ls', '--url', 'ws://x', '-t'], false)?.argv, ['ls', '--url', 'ws://x', '-t'])
})

test('a server on all addresses is called at loopback', () => {
  assert.is(reachable('ws://0.0.0.0:1'), 'ws://127.0.0.1:1')
  assert.is(reachable('ws://[::]:1'), 'ws://[::1]:1')
  assert.is(reachable('unix:/x'), 'unix:/x')
})

test.run()

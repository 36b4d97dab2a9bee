/** `exec-server codex` with a program in the place of Codex; with real releases, see test/codex. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { eventually, isDeno, serverCommand } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { withServer } from '../../support/with-server.ts'
import { begin } from './call.ts'
import type { Ended, Started } from './call.ts'

const VERSION = '[ "$1" != --version ] || { echo codex-cli 0.171.0; exit; }'

/** Prints how it was started; `exec CODE` ends with that code, `wait` waits for a signal. */
const SCRIPT = `#!/bin/sh
${VERSION}
echo "$CODEX_EXEC_SERVER_URL|$*"
cat "$CODEX_HOME/environments.toml" 2>/dev/null
case $1 in
  exec) exit "$2" ;;
  wait) trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done ;;
  die) kill -TERM $$ ;;
esac
`

type Fixture = {
  home: string
  env: NodeJS.ProcessEnv
  start(...args: string[]): Started
  run(...args: string[]): Promise<Ended>
}

function fixture(script = SCRIPT): Fixture {
  const folder = temporaryFolder()
  const [home, bin] = [join(folder, 'codex-home'), join(folder, 'bin')]
  for (const each of [home, bin]) mkdirSync(each)
  if (script !== '') writeFileSync(join(bin, 'codex'), script, { mode: 0o755 })
  const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, CODEX_HOME: home }
  const start = (...args: string[]): Started => begin(serverCommand(['codex', ...args]).flat(), env)
  return { home, env, start, run: (...args) => start(...args).ended }
}

const OTHER = 'default = "old"\n[[environments]]\nid = "old"\nurl = "ws://127.0.0.1:9"\n'

test('Codex gets the variable, its arguments, and gives its exit code', async () => {
  await withServer([], async ({ url }) => {
    const { run } = fixture()
    const { code, stdout, stderr } = await run('--url', url, 'exec', '7', '--flag')
    assert.equal([code, stdout], [7, `${url}|exec 7 --flag\n`], stderr)
    assert.match(stderr, /^exec-server: ws:.*: exec-server, linux, \/\S+, in \//)
  })
})

test('where environments.toml names another devbox, Codex gets one that names this one only', async () => {
  await withServer([], async ({ url }) => {
    const { run, home } = fixture()
    writeFileSync(join(home, 'environments.toml'), OTHER)
    const { code, stdout } = await run('--url', url, 'exec', '3')
    assert.is(code, 3)
    assert.match(stdout, /^"include_local" = false$/m)
    assert.ok(stdout.includes(JSON.stringify(url)), stdout)
    assert.not.match(stdout, /127\.0\.0\.1:9"/)
    assert.is(readFileSync(join(home, 'environments.toml'), 'utf8'), OTHER)
  })
})

test('with --write-config the file names it, and the second time nothing is written', async () => {
  await withServer([], async ({ url }) => {
    const { run, home } = fixture()
    writeFileSync(join(home, 'environments.toml'), OTHER)
    const first = await run('--url', url, '--write-config', 'exec', '0')
    assert.match(first.stderr, /^-default = "old"\n\+include_local = false\n\+default = "remote"$/m)
    assert.match(first.stdout, /^default = "remote"$/m)
    const second = await run('--url', url, '--write-config', 'exec', '0')
    assert.match(second.stderr, /environments\.toml is right\n/)
    assert.not.ok(existsSync(join(home, 'exec-server')))
  })
})

for (const kind of ['in its place', 'as its child'])
  test(`a signal reaches Codex ${kind}, and one that ends Codex ends the command`, async () => {
    await withServer([], async ({ url }) => {
      const { start, run, home } = fixture()
      if (kind === 'as its child') writeFileSync(join(home, 'environments.toml'), OTHER)
      const waiting = start('--url', url, 'wait')
      await eventually(() => waiting.stdout().includes('ready'), 30_000)
      process.kill(waiting.child.pid as number, 'SIGINT')
      const { code, stdout } = await waiting.ended
      assert.is(code, 5)
      assert.match(stdout, /interrupted\n$/)
      assert.is((await run('--url', url, 'die')).code, 143)
    })
  })

test('nothing runs if there is no Codex, no devbox, no such directory there, or a program that is another', async () => {
  const none = await fixture('').run('--url', 'ws://127.0.0.1:1')
  assert.is(none.code, 127)
  assert.match(none.stderr, /there is no codex on PATH\n {2}install it/)
  const { run } = fixture()
  const unreachable = await run('--url', 'ws://127.0.0.1:1', 'exec', '0')
  assert.equal([unreachable.code, unreachable.stdout], [255, ''])
  assert.match(unreachable.stderr, /ECONNREFUSED.*\n {2}nothing listens there/)
  const old = await fixture('#!/bin/sh\necho codex-cli 0.99.0\n').run('--url', 'ws://127.0.0.1:1')
  assert.is(old.code, 126)
  assert.match(old.stderr, /Codex 0\.99\.0 cannot use a devbox\n {2}0\.121\.0 is the first/)
  assert.is((await fixture('#!/bin/sh\necho hello\n').run('--url', 'ws://127.0.0.1:1')).code, 126)
  await withServer([], async ({ url }) => {
    const missing = await run('--url', url, '--', '-C', '/no/such/directory')
    assert.equal([missing.code, missing.stdout], [255, ''])
    assert.match(missing.stderr, /\/no\/such\/directory on the devbox: /)
    assert.is((await run('--url', url, 'agents')).code, 2)
  })
})

if (!isDeno) test.run()

/** How `exec-server run` and `attach` are left, also when the devbox does not answer: a server that is stopped. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { eventually, isAlive, isDeno, serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { startProxy } from '../client/support/proxy.ts'
import { begin, runPrefix } from './call.ts'
import { hasProgram, openScreen } from './screen.ts'
import type { Screen } from './screen.ts'

const test = suite('leaving', { limitMs: 110_000 })
const READY = ['sh', '-c', 'echo ready; exec sleep 1000']

/** Stops the server, so that it answers nothing, and its connections stay open. */
const freeze = ({ child }: RunningServer): void => void process.kill(child.pid as number, 'SIGSTOP')

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`a second ${signal} leaves a devbox that does not answer`, async () => {
    const server = await startServer()
    const { child, stdout, ended } = begin([...runPrefix(server.url), ...READY])
    await eventually(() => stdout().includes('ready'))
    freeze(server)
    child.kill(signal)
    child.kill(signal)
    // The signals may become one: the kernel keeps no count.
    const again = setInterval(() => child.kill(signal), 200)
    assert.is((await ended).code, code)
    clearInterval(again)
    process.kill(server.child.pid as number, 'SIGCONT')
  })

test('what runs on a devbox that answers gets every signal', async () => {
  const server = await startServer()
  const traps = `n=0; trap 'n=$((n + 1)); echo got $n' INT; echo ready; while [ $n -lt 4 ]; do sleep 0.1; done; exit 9`
  const { child, stdout, ended } = begin([...runPrefix(server.url), 'bash', '-c', traps])
  await eventually(() => stdout().includes('ready'))
  for (let count = 1; count <= 4; count++) {
    child.kill('SIGINT')
    await eventually(() => stdout().includes(`got ${count}`))
  }
  assert.is((await ended).code, 9)
})

const inTmux = (title: string, body: () => Promise<void>): void => {
  if (!isDeno) test(title, async () => (hasProgram('tmux') ? body() : skip('there is no tmux')))
}

/** A command in a terminal, whose server is stopped once the command runs. */
async function frozenScreen(options: readonly string[] = ['-t']): Promise<{ server: RunningServer; screen: Screen }> {
  const server = await startServer()
  const screen = openScreen([...runPrefix(server.url, options), ...READY])
  await screen.until(/ready/)
  freeze(server)
  return { server, screen }
}

inTmux('in a terminal the second Ctrl-C leaves a devbox that does not answer', async () => {
  for (const options of [['-t'], []]) {
    const { screen } = await frozenScreen(options)
    screen.keys('C-c')
    screen.keys('C-c')
    await screen.until(/\[exit code 130\]\n\[terminal as before\]/)
    screen.end()
  }
})

inTmux('after 3 s without an answer to Ctrl-C it says that one more leaves', async () => {
  const { screen } = await frozenScreen()
  screen.keys('C-c')
  await screen.until(/exec-server: the devbox does not answer; one more Ctrl-C leaves/)
  screen.keys('C-c')
  await screen.until(/\[exit code 130\]\n\[terminal as before\]/)
  screen.end()
})

inTmux('~. at the beginning of a line leaves, whether the devbox answers or not', async () => {
  const { screen } = await frozenScreen()
  screen.type('abc')
  screen.keys('Enter')
  screen.type('~.')
  await screen.until(/\[exit code 255\]\n\[terminal as before\]/)
  screen.end()
  const server = await startServer()
  const file = join(temporaryFolder(), 'pid')
  const other = openScreen([...runPrefix(server.url, ['-t']), 'sh', '-c', `echo $$ > ${file}; echo ready; exec cat`])
  await other.until(/ready/)
  const pid = Number(readFileSync(file, 'utf8'))
  other.type('a~.')
  other.keys('Enter')
  await other.until(/^a~\.\n+a~\./m)
  other.type('~.')
  await other.until(/\[exit code 255\]\n\[terminal as before\]/)
  await eventually(() => !isAlive(pid), 30_000, 'the end of the command')
  other.end()
})

inTmux('~? lists the escape sequences, ~~ sends a tilde, and ~^Z suspends', async () => {
  const server = await startServer()
  const screen = openScreen(['env', 'PS1=$ ', 'bash', '--norc', '--noprofile', '-i'], {
    RUN: runPrefix(server.url, ['-t']).join(' '),
  })
  await screen.until(/^\$/m)
  screen.type('$RUN sh -c "echo ready; cat"\n')
  await screen.until(/^ready/m)
  screen.type('~?')
  await screen.until(/^ {2}~\. +leaves, and ends the command\n {2}~\^Z +suspends this program$/m)
  screen.type('~~x\n')
  await screen.until(/^~x\n+~x/m)
  screen.type('~')
  screen.keys('C-z')
  await screen.until(/Stopped/)
  screen.type('fg\n')
  await screen.until(/fg/)
  screen.type('back\n')
  await screen.until(/back\n+back/)
  screen.type('~.')
  await screen.until(/^\$ ?$/m)
  screen.type('echo "code $?"\n')
  await screen.until(/^code 255/m)
  screen.end()
})

inTmux('a closed terminal ends it, also when the devbox does not answer', async () => {
  const file = join(temporaryFolder(), 'pid')
  const server = await startServer()
  const screen = openScreen(['sh', '-c', 'echo $$ > "$0"; exec "$@"', file, ...runPrefix(server.url, ['-t']), ...READY])
  await screen.until(/ready/)
  const pid = Number(readFileSync(file, 'utf8'))
  freeze(server)
  screen.end()
  await eventually(() => !isAlive(pid), 15_000, 'our end')
})

inTmux('~. leaves a run that was joined, and it goes on', async () => {
  const server = await startServer()
  const owner = begin([...runPrefix(server.url, ['-t']), 'sh', '-c', 'echo $$; exec cat'])
  await eventually(() => owner.stdout().includes('\n'))
  const screen = openScreen(serverCommand(['attach', '--url', server.url, '1']).flat())
  await screen.until(/\d/)
  screen.type('~.')
  await screen.until(/exec-server: left run 1, which goes on\n\[exit code 0\]\n\[terminal as before\]/)
  assert.ok(isAlive(Number.parseInt(owner.stdout())))
  owner.stop()
  screen.end()
})

inTmux('after 3 s it says what it waits for', async () => {
  const server = await startServer()
  freeze(server)
  const screen = openScreen([...runPrefix(server.url), ...READY])
  await screen.until(new RegExp(`exec-server: waiting for ${server.url} to answer…`))
  screen.end()
})

inTmux('on a terminal a message says that the connection is lost after 3 s, and that it is back', async () => {
  const server = await startServer()
  const proxy = await startProxy(server.url)
  const screen = openScreen([...runPrefix(proxy.url, ['-t']), 'sh', '-c', 'echo ready; read x; echo "got $x"; exit 3'])
  await screen.until(/ready/)
  proxy.down()
  await screen.until(/exec-server: connection lost, reconnecting…/)
  proxy.up()
  await screen.until(/exec-server: reconnected/)
  screen.type('it\n')
  await screen.until(/got it\n\[exit code 3\]\n\[terminal as before\]/)
  screen.end()
  proxy.close()
})

inTmux('without a command it opens a login shell', async () => {
  const server = await startServer()
  const [command, args] = serverCommand(['run', '--url', server.url])
  const screen = openScreen([command, ...args], {})
  await screen.until(/[$#] ?$/m)
  screen.type('echo "level $0"; exit 5\n')
  await screen.until(/\[exit code 5\]\n\[terminal as before\]/)
  screen.end()
})

inTmux('a server that is started on a terminal says what to do next', async () => {
  const [command, args] = serverCommand(['--listen', 'ws://127.0.0.1:0'])
  const screen = openScreen([command, ...args])
  const text = await screen.until(/Ctrl-C ends it/)
  const url = /^ws:\/\/127\.0\.0\.1:\d+$/m.exec(text)?.[0] ?? ''
  assert.ok(text.includes(`run --url ${url} -- uname -a`), text)
  assert.ok(text.includes(`CODEX_EXEC_SERVER_URL=${url} codex`), text)
  screen.keys('C-c')
  await screen.until(/\[exit code 0\]/)
  screen.end()
})

test.run()

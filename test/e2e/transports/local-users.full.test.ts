/** Which users of this machine get in over loopback, and that confined commands do not. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { parseServe } from '../../../src/cli/serve/arguments.ts'
import { peerCheck } from '../../../src/server/auth/peer-check.ts'
import { Client } from '../../support/client.ts'
import { frame } from '../../support/faults/fault-raw.ts'
import { endWithTest } from '../../support/child.ts'
import { firstLine } from '../../support/first-line.ts'
import { refusalOf } from '../../support/refusal.ts'
import { managed, READ_ALL, users, WRITE_ROOTS } from '../../support/sandbox.ts'
import { isDeno, serverCommand } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { UPGRADE } from '../../support/web/raw-http.ts'

const test = suite('local users')
/** Two users who are nobody. */
const SERVER_USER = 65_534
const OTHER_USER = 65_533
const canSwitch = process.platform === 'linux' && process.getuid?.() === 0
const withUsers = canSwitch ? test : (test.skip as typeof test)
const onLinux = process.platform === 'linux' ? test : (test.skip as typeof test)
let folder: string

test.before(() => {
  folder = temporaryFolder('local-users-')
  chmodSync(folder, 0o1777)
})

async function serveAs(user: number, args: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const [command, commandArgs] = serverCommand(args)
  const env = { PATH: process.env['PATH'], HOME: folder, DENO_DIR: join(folder, 'deno') }
  const options: SpawnOptions = { uid: user, gid: user, env, stdio: ['ignore', 'pipe', 'inherit'] }
  const child = endWithTest(spawn(command, commandArgs, options))
  return { child, url: (await firstLine(child)).replace('ws:', 'http:') }
}

/**
 * What a request of a user comes to: the status and the text of the answer. `more` follows it, in base64. `leave`: the
 * user has gone before there is an answer.
 */
function askAs(user: number, url: string, lines: readonly string[], more = '', leave = false): string {
  const script = join(folder, 'ask.mjs')
  writeFileSync(
    script,
    `import { connect } from 'node:net'
     const { hostname, port, pathname } = new URL(process.argv[2])
     const socket = connect(port, hostname.replace(/[[\\]]/g, ''), () => {
       const head = process.argv[3].replace('PATH', pathname) + '\\r\\nHost: ' + hostname + '\\r\\n\\r\\n'
       socket.write(Buffer.concat([Buffer.from(head), Buffer.from(process.argv[4], 'base64')]), () => process.argv[5] && process.exit())
     })
     let text = ''
     socket.on('data', (bytes) => {
       text += bytes
       if (/^HTTP.1.1 101/.test(text)) socket.destroy()
     })
     socket.on('error', () => {})
     socket.on('close', () => console.log(text.slice(9, 12), text.split('\\r\\n\\r\\n').slice(1).join('')))`,
  )
  chmodSync(script, 0o644)
  const args = [...(isDeno ? ['run', '-A'] : []), script, url, lines.join('\r\n'), more, leave ? 'leave' : '']
  const { stdout } = spawnSync(process.execPath, args, {
    uid: user,
    gid: user,
    env: { HOME: folder, DENO_DIR: join(folder, `deno-${user}`) },
    encoding: 'utf8',
    timeout: 20_000,
  })
  return stdout.trim()
}

const UPGRADE_LINES = ['GET PATH HTTP/1.1', ...UPGRADE]
const getLines = (path: string): string[] => [`GET ${path} HTTP/1.1`, 'Connection: close']

withUsers('on loopback its own user and root get in, and another user gets the reason for the refusal', async () => {
  for (const address of ['127.0.0.1', '[::1]']) {
    const { url } = await serveAs(SERVER_USER, ['--listen', `ws://${address}:0`])
    assert.is(askAs(SERVER_USER, url, UPGRADE_LINES), '101')
    assert.is(askAs(0, url, UPGRADE_LINES), '101')
    const refused = askAs(OTHER_USER, url, UPGRADE_LINES)
    assert.match(refused, /^403 this server lets in its own user and root only, not user 65533: .*--allow-local-users/)
    assert.match(askAs(OTHER_USER, url, getLines('/metrics')), /^403 this server/)
    assert.match(askAs(SERVER_USER, url, getLines('/metrics')), /^200 # HELP/)
    for (const path of ['/readyz', '/healthz']) assert.match(askAs(OTHER_USER, url, getLines(path)), /^200/)
    assert.match(askAs(OTHER_USER, url, getLines('/nowhere')), /^404/)
  }
})

withUsers('the server of root lets in root only', async () => {
  const { url } = await serveAs(0, [])
  assert.match(askAs(OTHER_USER, url, UPGRADE_LINES), /^403 /)
  assert.is(askAs(0, url, UPGRADE_LINES), '101')
})

withUsers(
  'what another user sends before he leaves is not done, although the kernel gives his socket to root then',
  async () => {
    const { url } = await serveAs(SERVER_USER, [])
    const writing = (path: string): string =>
      Buffer.concat(
        [
          { id: 1, method: 'initialize', params: { clientName: 'x' } },
          { method: 'initialized', params: {} },
          { id: 2, method: 'fs/writeFile', params: { path, dataBase64: '' } },
        ].map((message) => frame(JSON.stringify(message))),
      ).toString('base64')
    for (let tries = 0; tries < 5; tries++)
      assert.is(askAs(OTHER_USER, url, UPGRADE_LINES, writing(join(folder, 'touched')), true), '')
    // The server has taken up those before this.
    const client = await Client.connect(url.replace('http:', 'ws:'))
    await client.request('fs/writeFile', { path: join(folder, 'after'), dataBase64: '' })
    assert.is(existsSync(join(folder, 'touched')), false)
  },
)

withUsers(
  '--allow-local-users lets in every user; so do a token and a capability URL those who have them',
  async () => {
    const open = await serveAs(SERVER_USER, ['--allow-local-users'])
    assert.is(askAs(OTHER_USER, open.url, UPGRADE_LINES), '101')
    const secret = await serveAs(SERVER_USER, ['--capability-url'])
    assert.is(askAs(OTHER_USER, secret.url, UPGRADE_LINES), '101')
    assert.match(askAs(OTHER_USER, `${secret.url}x`, UPGRADE_LINES), /^401 /)
    const token = 'a-token-for-whoever-has-it'
    const sha256 = createHash('sha256').update(token).digest('hex')
    const bearer = await serveAs(SERVER_USER, ['--ws-auth', 'capability-token', '--ws-token-sha256', sha256])
    assert.is(askAs(OTHER_USER, bearer.url, [...UPGRADE_LINES, `Authorization: Bearer ${token}`]), '101')
    assert.match(askAs(OTHER_USER, bearer.url, UPGRADE_LINES), /^401 /)
  },
)

onLinux('a peer that the kernel does not tell of is refused, with what to do', async () => {
  for (const why of ['elsewhere', 'gone', 'unknown'] as const) {
    const refused = await peerCheck({ ownUserOnly: true }, () => why)({} as never)
    assert.match(refused ?? '', new RegExp(`cannot tell whose connection this is \\(${why}\\): .*--allow-local-users`))
    assert.is(await peerCheck({ ownUserOnly: false }, () => why)({} as never), undefined)
  }
})

test('only loopback without authentication is restricted to a user', () => {
  const isRestricted = (...args: string[]): boolean => {
    const command = parseServe(args)
    return command.kind === 'serve' && command.ownUserOnly
  }
  for (const args of [[], ['--listen', 'ws://[::1]:0'], ['--listen', 'ws://127.0.0.2:0'], ['--allow-unauthenticated']])
    assert.is(isRestricted(...args), true, args.join(' '))
  const token = ['--ws-auth', 'capability-token', '--ws-token-file', '/t']
  for (const args of [
    ['--allow-local-users'],
    ['--capability-url'],
    token,
    ['--listen', 'ws://0.0.0.0:0', '--allow-unauthenticated'],
    ['--listen', 'unix:/s'],
    ['--listen', 'stdio'],
  ])
    assert.is(isRestricted(...args), false, args.join(' '))
  for (const listen of ['stdio', 'unix:/s']) {
    const { message = '' } = refusalOf(['--listen', listen, '--allow-local-users']) ?? {}
    assert.match(message, /--allow-local-users requires a WebSocket listener/)
  }
})

/** A confined command that asks for an upgrade and for metrics, with its process tag or without. */
const INTRUDER = `
  ask() { exec 3<> "/dev/tcp/127.0.0.1/$PORT"; printf '%s\\r\\n' "$@" 'Host: 127.0.0.1' '' >&3; cat <&3 | head -c 12; echo; }
  ask "GET $TARGET HTTP/1.1" ${UPGRADE.map((line) => `'${line}'`).join(' ')}
  ask "GET \${TARGET%/}/metrics HTTP/1.1" 'Connection: close'
  ulimit -R 12345 && ask "GET $TARGET HTTP/1.1" ${UPGRADE.map((line) => `'${line}'`).join(' ')}
  # Not even from a child that has outlived its parent.
  ( ( sleep 0.2; ask "GET $TARGET HTTP/1.1" ${UPGRADE.map((line) => `'${line}'`).join(' ')} > orphan ) & )
  while [ ! -s orphan ]; do sleep 0.1; done; cat orphan
`

const everyone = users()
for (const user of everyone) {
  const canConfine = user.obstacle === undefined && user.unconfined === undefined
  const confining = canConfine ? test.full : test.skip
  confining(
    `a confined command with the network is not let in, and others are meanwhile, as ${user.name}`,
    async () => {
      const home = temporaryFolder('confined-')
      const { uid } = user
      if (canSwitch) spawnSync('chown', [String(uid), home])
      for (const args of [[], ['--allow-local-users'], ['--capability-url']]) {
        const { url } = await serveAs(uid, args)
        const { port, pathname } = new URL(url)
        const client = await Client.connect(url.replace('http:', 'ws:'))
        const sandbox = managed([home], [READ_ALL, WRITE_ROOTS], 'enabled')
        const env = { PATH: process.env['PATH'], PORT: port, TARGET: pathname }
        await client.start('p', ['/bin/bash', '-c', INTRUDER], { cwd: `file://${home}`, env, sandbox })
        assert.is(await client.closed('p'), 0)
        assert.is(client.outputOf('p').toString(), 'HTTP/1.1 403\n'.repeat(4), args.join(' '))
        // With such a command there, others are looked for among all processes.
        await client.start('q', ['/bin/sleep', '60'], { cwd: `file://${home}`, sandbox })
        assert.is(askAs(uid, url, UPGRADE_LINES), '101')
        assert.is(askAs(0, url, UPGRADE_LINES), '101')
        await (await Client.connect(url.replace('http:', 'ws:'))).close()
        await client.request('process/terminate', { processId: 'q' })
        await client.close()
        spawnSync('rm', ['-f', join(home, 'orphan')])
      }
    },
  )
}

test.run()

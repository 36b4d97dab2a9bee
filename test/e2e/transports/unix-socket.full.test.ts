/** A server on a unix socket: who can connect to it, and what stands at its path before, meanwhile and after. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import * as assert from 'uvu/assert'
import { openUnixListener } from '../../../src/server/http/unix-listener.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { programRunner } from '../../support/programs/program-runner.ts'
import type { ProgramRunner } from '../../support/programs/program-runner.ts'
import { ask, call, get, upgrade, UPGRADE } from '../../support/web/raw-http.ts'
import { eventually, isAlive, isDeno, root, serverCommand, startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { withServer } from '../../support/with-server.ts'

const test = suite('unix socket')
const isRoot = process.getuid?.() === 0
/** Two users who are nobody. */
const SERVER_USER = 65_534
const OTHER_USER = 65_533
let folder: string
let program: ProgramRunner

/** What a test has started and, if it failed, not ended: it would keep the runner from its end. */
const started: ChildProcess[] = []
test.after.each(() => void started.splice(0).forEach((child) => child.kill('SIGKILL')))

test.before(() => {
  folder = temporaryFolder('unix-')
  program = programRunner()
  // Sticky, so that a token file in it is trusted.
  chmodSync(folder, 0o1777)
})

const socketUrl = (path: string, at = '/'): string => `ws+unix:${path}:${at}`
const modeOf = (path: string): number => statSync(path).mode & 0o7777

/** Starts the server as another user, who has no home of his own. */
async function startAs(user: number, args: readonly string[]): Promise<ChildProcess> {
  const [command, commandArgs] = serverCommand(args)
  const options: SpawnOptions = {
    uid: user,
    gid: user,
    env: { PATH: process.env['PATH'], HOME: folder, DENO_DIR: join(folder, 'deno') },
  }
  const child = spawn(command, commandArgs, { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  await firstLine(child)
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  // Not by child.kill, after which Deno tells of a death by the signal, whatever the exit code was.
  process.kill(child.pid as number, 'SIGTERM')
  assert.equal(await once(child, 'exit'), [0, null])
}

test('a client is served at the printed path, whatever Host it sends, and the socket is private and gone afterwards', async () => {
  for (const [index, prefix] of ['unix:', 'unix://'].entries()) {
    const path = join(folder, `plain-${index}.sock`)
    await withServer(['--listen', `${prefix}${path}`], async ({ url }) => {
      assert.is(url, `unix:${path}`)
      assert.ok(lstatSync(path).isSocket())
      assert.is(modeOf(path), 0o600)
      const client = await Client.connect(socketUrl(path))
      assert.equal(await client.run('p', ['/bin/echo', 'in']), { code: 0, output: 'in\n' })
      const flood = await client.run('flood', ['/bin/sh', '-c', 'seq 1 100000'])
      assert.is(flood.output.length, 588_895)
      for (const host of ['evil.example', 'a b', ''])
        assert.is((await ask(path, ['GET / HTTP/1.1', `Host: ${host}`, ...UPGRADE])).status, 101, host)
      assert.is((await ask(path, ['GET /readyz HTTP/1.1', 'Host: any.name', 'Connection: close'])).status, 200)
      assert.is((await upgrade(path, '/', ['Origin: http://x'])).status, 403)
      await client.close()
    })
    assert.is(existsSync(path), false)
  }
})

test.full('the socket is removed at the end with clients there, and with SIGINT', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const path = join(folder, 'end.sock')
    await withServer(['--listen', `unix:${path}`], async (server) => {
      const client = await Client.connect(socketUrl(path))
      await client.start('p', ['/bin/sleep', '60'])
      const ended = once(server.child, 'exit')
      process.kill(server.child.pid as number, signal)
      assert.equal(await ended, [0, null])
      await client.until(() => client.closeCode !== undefined)
      assert.is(client.closeCode, 1001)
      assert.is(existsSync(path), false)
    })
  }
})

test.full('the socket is removed at any end of the process, also before anybody is served', () => {
  const path = join(folder, 'end-early.sock')
  const script = join(folder, 'end-early.mjs')
  const listener = JSON.stringify(join(root, 'src', 'server', 'http', 'unix-listener.ts'))
  const text = `import { openUnixListener } from ${listener}
    import { existsSync } from 'node:fs'
    await openUnixListener(${JSON.stringify(path)})
    console.log(existsSync(${JSON.stringify(path)}))
    process.exit(3)`
  writeFileSync(script, text)
  const { status, stdout } = spawnSync(process.execPath, [...(isDeno ? ['run', '-A'] : []), script], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  assert.equal([status, stdout], [3, 'true\n'])
  assert.is(existsSync(path), false)
})

test.full(
  'the socket has its mode from its first moment, whatever the umask, which holds for nothing else',
  async () => {
    const path = join(folder, 'moment.sock')
    const before = process.umask(0)
    try {
      const opening = openUnixListener(path)
      // It is there, and whatever is done to it later has not been done yet.
      assert.is(modeOf(path), 0o600)
      assert.is(process.umask(), 0)
      const listener = await opening
      assert.is(modeOf(path), 0o600)
      listener.close()
      assert.is(existsSync(path), false)
    } finally {
      process.umask(before)
    }
    const [command, args] = serverCommand(['--listen', `unix:${path}`])
    const server = spawn('/bin/sh', ['-c', 'umask 0; exec "$0" "$@"', command, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    started.push(server)
    await firstLine(server)
    assert.is(modeOf(path), 0o600)
    const client = await Client.connect(socketUrl(path))
    const file = join(folder, 'open-to-all')
    await client.request('fs/writeFile', { path: file, dataBase64: '' })
    assert.is(modeOf(file), 0o666)
    await client.close()
    await stop(server)
  },
)

test('a socket that a killed server has left is replaced', async () => {
  const path = join(folder, 'stale.sock')
  const killed = await startServer(['--listen', `unix:${path}`])
  killed.child.kill('SIGKILL')
  await once(killed.child, 'exit')
  assert.ok(lstatSync(path).isSocket())
  await withServer(['--listen', `unix:${path}`], async () => {
    await (await Client.connect(socketUrl(path))).close()
    assert.is(modeOf(path), 0o600)
  })
  assert.is(existsSync(path), false)
})

test('a socket that is in use stays, and so does its server', async () => {
  const path = join(folder, 'live.sock')
  await withServer(['--listen', `unix:${path}`], async () => {
    const { status, stdout, stderr } = call(['--listen', `unix:${path}`])
    assert.equal([status, stdout, stderr], [1, '', `exec-server: cannot listen on ${path}: it is in use\n`])
    await (await Client.connect(socketUrl(path))).close()
  })
})

test.full('what is no socket is never removed', async () => {
  const file = join(folder, 'file')
  writeFileSync(file, 'precious')
  const link = join(folder, 'link')
  symlinkSync(file, link)
  const dangling = join(folder, 'dangling')
  symlinkSync(join(folder, 'nowhere'), dangling)
  const directory = join(folder, 'directory')
  mkdirSync(directory)
  for (const path of [file, link, dangling, directory]) {
    const { code, stdout, stderr } = await program(['--listen', `unix:${path}`])
    assert.equal(
      [code, stdout, stderr],
      [1, '', `exec-server: cannot listen on ${path}: it exists and is not a socket\n`],
    )
    assert.ok(lstatSync(path))
  }
  assert.is(readFileSync(link, 'utf8'), 'precious')

  // Nor what has come to stand there meanwhile: a file, or the socket of another server.
  const path = join(folder, 'usurped.sock')
  await withServer(['--listen', `unix:${path}`], async () => {
    renameSync(path, join(folder, 'aside.sock'))
    writeFileSync(path, 'precious')
  })
  assert.is(readFileSync(path, 'utf8'), 'precious')
  rmSync(path)
  await withServer(['--listen', `unix:${path}`], async (second) => {
    rmSync(path)
    await withServer(['--listen', `unix:${path}`], async () => {
      assert.is(await second.stop(), 0)
      await (await Client.connect(socketUrl(path))).close()
    })
  })
})

test('paths that cannot be are refused with one line', async () => {
  const long = join(folder, 'x'.repeat(108 - folder.length - 1))
  const rows = [
    ['unix:', /^exec-server: invalid --listen URL/],
    ['unix:relative.sock', /absolute path/],
    ['unix://relative/x.sock', /absolute path/],
    ['unix:/', /absolute path/],
    ['unix:/tmp/', /absolute path/],
    [`unix:${long}`, /at most 107 bytes, and this one 108/],
    [
      `unix:${join(folder, 'nowhere', 'x.sock')}`,
      /^exec-server: cannot listen on \/[^\n]*: (No such file or directory|Permission denied)/,
    ],
    ['UNIX:/tmp/x.sock', /^exec-server: unsupported --listen URL/],
  ] as const
  for (const [listen, message] of rows) {
    const { code, stdout, stderr } = await program(['--listen', listen])
    assert.equal([code, stdout], [/cannot listen/.test(stderr) ? 1 : 2, ''], listen)
    assert.match(stderr, message)
    assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)?$/)
  }
})

test.full('the longest path works', async () => {
  const path = join(folder, 'y'.repeat(107 - folder.length - 1))
  assert.is(path.length, 107)
  await withServer(['--listen', `unix:${path}`], async () => (await Client.connect(socketUrl(path))).close())
  assert.is(existsSync(path), false)
})

test.full('authentication is not needed, and is asked for where it is given', async () => {
  const path = join(folder, 'auth.sock')
  const token = join(folder, 'token')
  writeFileSync(token, 'a-token-for-the-socket')
  await withServer(
    ['--listen', `unix:${path}`, '--ws-auth', 'capability-token', '--ws-token-file', token],
    async () => {
      assert.is((await upgrade(path)).status, 401)
      assert.is((await upgrade(path, '/', ['Authorization: Bearer a-token-for-the-socket'])).status, 101)
    },
  )
  await withServer(['--listen', `unix:${path}`, '--capability-url', '--ws-token-file', token], async ({ url }) => {
    assert.is(url, `unix:${path}:/c/a-token-for-the-socket`)
    assert.is((await upgrade(path)).status, 401)
    assert.is((await get(path, '/readyz')).status, 200)
    await (await Client.connect(`ws+${url}`)).close()
  })
})

/** What a raw connection of another user comes to: an answer, a refusal by the kernel, or an end. */
function askAs(user: number, path: string): string {
  const script = join(folder, 'ask.mjs')
  writeFileSync(
    script,
    `import { connect } from 'node:net'
     const socket = connect(process.argv[2])
     let text = ''
     socket.on('error', (error) => console.log(error.code))
     socket.on('data', (bytes) => {
       text += bytes
       if (text.includes('\\r\\n')) {
         console.log(text.slice(9, 12))
         process.exit()
       }
     })
     socket.write(${JSON.stringify(['GET / HTTP/1.1', 'Host: x', ...UPGRADE, '', ''].join('\r\n'))})`,
  )
  chmodSync(script, 0o644)
  const { stdout } = spawnSync(process.execPath, [...(isDeno ? ['run', '-A'] : []), script, path], {
    uid: user,
    gid: user,
    env: { HOME: folder, DENO_DIR: join(folder, `deno-${user}`) },
    encoding: 'utf8',
    timeout: 20_000,
  })
  return stdout.trim()
}

const withUsers = isRoot ? test : (test.skip as typeof test)

withUsers('its user and root may connect, and nobody else, not even where the mode has been opened', async () => {
  const path = join(folder, 'users.sock')
  const server = await startAs(SERVER_USER, ['--listen', `unix:${path}`])
  assert.is(statSync(path).uid, SERVER_USER)
  assert.is(modeOf(path), 0o600)
  assert.is(askAs(SERVER_USER, path), '101')
  assert.is(askAs(0, path), '101')
  assert.is(askAs(OTHER_USER, path), 'EACCES')
  chmodSync(path, 0o666)
  assert.is(askAs(OTHER_USER, path), '403')
  assert.is(askAs(SERVER_USER, path), '101')
  await stop(server)
  assert.is(existsSync(path), false)
})

const canConfine = process.platform === 'linux' && spawnSync('bwrap', ['--bind', '/', '/', 'true']).status === 0
const confining = canConfine && spawnSync('perl', ['-e', '1']).status === 0 ? test : (test.skip as typeof test)

confining('a command that the server has confined is not let in, and its user is', async () => {
  const path = join(folder, 'confined.sock')
  await withServer(['--listen', `unix:${path}`], async () => {
    const client = await Client.connect(socketUrl(path))
    const script = `use IO::Socket::UNIX; my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!;
      print $socket join("\\r\\n", "GET / HTTP/1.1", "Host: x", @ARGV[1 .. $#ARGV], "", ""); print substr(<$socket>, 9, 3)`
    const argv = ['perl', '-e', script, path, ...UPGRADE]
    const root = { path: { type: 'special', value: { kind: 'root' } }, access: 'read' }
    // Without an entry that names it, the socket is not there at all.
    const named = { path: { type: 'path', path: pathToFileURL(path).href }, access: 'read' }
    const confined = (entries: object[]): object => ({
      sandbox: {
        permissions: { type: 'managed', file_system: { type: 'restricted', entries }, network: 'enabled' },
        cwd: null,
      },
    })
    assert.equal(await client.run('free', argv), { code: 0, output: '101' })
    assert.match((await client.run('covered', argv, confined([root]))).output, /^Connection refused/)
    assert.equal(await client.run('confined', argv, confined([root, named])), { code: 0, output: '403' })
    await client.close()
  })
})

withUsers('a socket that others own, or in a directory of theirs, is an error and stays', async () => {
  const locked = join(folder, 'locked')
  mkdirSync(locked, { mode: 0o755 })
  const [command, args] = serverCommand(['--listen', `unix:${join(locked, 'x.sock')}`])
  const options = {
    uid: SERVER_USER,
    gid: SERVER_USER,
    env: { HOME: folder, DENO_DIR: join(folder, 'deno') },
    encoding: 'utf8',
    timeout: 20_000,
  } as const
  const { status, stderr } = spawnSync(command, args, options)
  assert.is(status, 1)
  assert.match(stderr, /^exec-server: cannot listen on [^\n]*Permission denied[^\n]*\n$/)

  // In a sticky directory nobody removes what is another's, and a connect that is not allowed says nothing of its server.
  const sticky = join(folder, 'sticky')
  mkdirSync(sticky)
  chmodSync(sticky, 0o1777)
  chownSync(sticky, 0, 0)
  const path = join(sticky, 'x.sock')
  await withServer(['--listen', `unix:${path}`], async () => {
    const [, otherArgs] = serverCommand(['--listen', `unix:${path}`])
    const other = spawnSync(command, otherArgs, options)
    assert.equal([other.status, other.stdout], [1, ''])
    assert.match(other.stderr, /^exec-server: [^\n]*in use\n$/)
    await (await Client.connect(socketUrl(path))).close()
  })
})

test.full('connections that wait while the server loads are served', async () => {
  const path = join(folder, 'early.sock')
  const [command, args] = serverCommand(['--listen', `unix:${path}`])
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  started.push(child)
  await eventually(() => existsSync(path), 10_000)
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      () =>
        new Promise<string>((resolve, reject) => {
          const attempt = (): void => {
            const socket = connect(path)
            // Bound, and about to listen.
            socket.on('error', () => setTimeout(attempt, 1))
            socket.on('data', (bytes: Buffer) => {
              socket.removeAllListeners('error').on('error', () => {})
              socket.destroy()
              resolve(bytes.toString('latin1').slice(0, 12))
            })
            socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${UPGRADE.join('\r\n')}\r\n\r\n`)
          }
          attempt()
          setTimeout(() => reject(new Error('no answer within 10 s')), 10_000).unref()
        }),
    ),
  )
  assert.equal(new Set(answers), new Set(['HTTP/1.1 101']))
  assert.ok(isAlive(child.pid as number))
  await stop(child)
})

test.run()

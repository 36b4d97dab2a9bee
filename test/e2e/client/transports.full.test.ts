import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Readable, Writable } from 'node:stream'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { connect, ConnectError, DisconnectedError, RpcError } from '../../../src/client/index.ts'
import type { ExecClient, Target } from '../../../src/client/index.ts'
import { endWithTest } from '../../support/child.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isAlive, isDeno, root, startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { oursOnly, subjects } from './support/subject.ts'

/** For what comes about sooner or later, also on a busy machine. */
const SOON_MS = 30_000

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'client-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  return folder
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function failure(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (error: Error) => error,
  )
  assert.ok(error !== undefined, 'it did not fail')
  return error
}

async function works(client: ExecClient): Promise<void> {
  const { stdout, exitCode } = await client.run({ argv: ['sh', '-c', 'echo it works; exit 2'] })
  assert.equal([text(stdout), exitCode], ['it works\n', 2])
  assert.is((await client.fs.getMetadata('/usr')).isDirectory, true)
}

/** Starts the process `program` with its name, and tells whether any such runs. */
const mark = (): string => `95${Math.floor(Math.random() * 1e7)}`
async function running(argument: string): Promise<boolean> {
  const child = spawn('pgrep', ['-f', argument], { stdio: 'ignore' })
  const [code] = (await once(child, 'exit')) as [number]
  return code === 0
}

for (const subject of subjects) {
  const test = suite(`transports, ${subject.name}`)
  const overStdio = subject.faults.has('noStdioListener') ? test.skip : test

  overStdio('a command that serves on its stdin and stdout', async () => {
    const client = await connect({ command: subject.stdioCommand })
    await works(client)
    await client.close()
    assert.is(client.state, 'closed')
    assert.match((await failure(client.run({ argv: ['true'] }))).message, /closed/)
  })

  overStdio('the server that was started, and all that it started, end with the client', async () => {
    const sign = mark()
    const client = await connect({ command: subject.stdioCommand })
    await client.start({ argv: ['sh', '-c', `sleep ${sign} & sleep ${sign}; true`] })
    await eventually(() => running(`sleep ${sign}`), SOON_MS)
    await client.close()
    await eventually(async () => !(await running(`sleep ${sign}`)), SOON_MS)
  })

  overStdio('a server that dies is the end of its client, with the reason, and is not started again', async () => {
    const client = await connect({
      command: ['sh', '-c', `echo $$ >&2; exec "$@"`, 'sh', ...subject.stdioCommand],
      onStderr: (line) => void (pid ||= Number(line)),
    })
    const started = await client.start({ argv: ['sleep', '60'] })
    const waiting = started.wait()
    waiting.catch(() => {})
    process.kill(pid, 'SIGKILL')
    const error = (await client.closed) as Error
    assert.ok(error instanceof DisconnectedError)
    assert.match(error.message, /ended by SIGKILL/)
    assert.is((await failure(waiting)).message, error.message)
    assert.is((await failure(client.fs.getMetadata('/'))).message, error.message)
    assert.is((await failure(started.write('x'))).message, error.message)
    await client.close()
  })
  let pid = 0

  overStdio('an existing pair of streams', async () => {
    const [program, ...args] = subject.stdioCommand as [string, ...string[]]
    const child = endWithTest(spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] }))
    const streams = {
      readable: Readable.toWeb(child.stdout) as ReadableStream<Uint8Array>,
      writable: Writable.toWeb(child.stdin) as WritableStream<Uint8Array>,
    }
    const client = await connect(streams)
    await works(client)
    await client.close()
    await once(child, 'exit')
  })

  test('a WebSocket', async () => {
    const server = await subject.serve()
    const client = await connect(new URL(server.url))
    await works(client)
    await client.close()
    await server.stop()
  })

  test.run()
}

const test = suite('transports')

test('this very machine, without a server', async () => {
  const client = await connect({ local: true })
  await works(client)
  const sign = mark()
  await client.start({ argv: ['sh', '-c', `setsid sleep ${sign} & sleep ${sign}`] })
  await eventually(() => running(`sleep ${sign}`), SOON_MS)
  const other = await connect({ local: true })
  await client.close()
  await eventually(async () => !(await running(`sleep ${sign}`)), SOON_MS)
  // Each has its own, so the other goes on.
  await works(other)
  await other.close()
})

test('a process on a terminal of this machine has the argv[0] that it is given, whatever program the library is in', async () => {
  const client = await connect({ local: true })
  const { stdout } = await client.run({
    argv: ['/bin/sh', '-c', 'echo "I am $0"; ps -o args= -p $$'],
    arg0: 'somebody',
    tty: true,
    env: { TERM: 'dumb' },
  })
  assert.match(text(stdout), /^somebody -c/m)
  await client.close()
})

test('what was started on this machine ends with the program, however that ends', async () => {
  for (const end of ['process.exit(3)', 'throw new Error("boom")', 'process.kill(process.pid, "SIGKILL")']) {
    const sign = mark()
    const program = `
      import { connect } from ${JSON.stringify(join(root, 'src/client/index.ts'))}
      import process from 'node:process'
      const client = await connect({ local: true })
      const started = await client.start({ argv: ['sh', '-c', 'sleep ${sign} & echo up; sleep ${sign}'] })
      for await (const event of started) if (event.type === 'output') break
      console.log('ready')
      setTimeout(() => { ${end} })`
    const args = isDeno ? ['eval', program] : ['--input-type=module-typescript', '-e', program]
    const child = endWithTest(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], cwd: root }))
    const exited = once(child, 'exit')
    await once(child.stdout, 'data')
    await exited
    await eventually(async () => !(await running(`sleep ${sign}`)), SOON_MS, `the end of what was left by ${end}`)
  }
})

test('a dozen clients that wait for the end of the program listen for it once', async () => {
  const before = process.listenerCount('exit')
  const clients = await Promise.all(Array.from({ length: 12 }, () => connect({ local: true })))
  assert.ok(process.listenerCount('exit') <= before + 1)
  await Promise.all(clients.map((client) => client.close()))
  assert.is(process.listenerCount('exit'), before)
})

test('a unix socket', async () => {
  const folder = temporaryFolder()
  const server = await startServer(['--listen', `unix:${folder}/socket`])
  const client = await connect(server.url)
  await works(client)
  await client.close()
  await server.stop()
})

test('a capability URL, over TCP and a unix socket', async () => {
  const folder = temporaryFolder()
  for (const listen of ['ws://127.0.0.1:0', `unix:${folder}/socket`]) {
    const server = await startServer(['--listen', listen, '--capability-url'])
    const client = await connect(server.url)
    await works(client)
    await client.close()
    const wrong = await failure(connect(server.url.replace(/\/c\/.*/, '/c/0123456789abcdef-wrong')))
    assert.ok(wrong instanceof ConnectError)
    assert.match(wrong.message, /40[14]/)
    // A secret in an error message ends up in a log.
    assert.not.match(wrong.message, /0123456789/)
    await server.stop()
  }
})

test('headers that prove who one is', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'token'), 'sesame-open-sesame')
  const server = await startServer(['--ws-auth', 'capability-token', '--ws-token-file', join(folder, 'token')])
  const client = await connect({ url: server.url, headers: { authorization: 'Bearer sesame-open-sesame' } })
  await works(client)
  await client.close()
  assert.match((await failure(connect(server.url))).message, /401/)
  await server.stop()
})

test('headers are not sent in the clear to other machines', async () => {
  const error = await failure(connect({ url: 'ws://devbox.example:4600', headers: { authorization: 'Bearer secret' } }))
  assert.ok(error instanceof ConnectError)
  assert.match(error.message, /wss:/)
})

for (const target of [
  'http://127.0.0.1:1',
  'nonsense',
  'unix:relative',
  'ws://',
  { command: [] },
  { command: ['true'], cwd: 'relative' },
] as Target[]) {
  test(`not a way to a server: ${JSON.stringify(target)}`, async () => {
    assert.instance(await failure(connect(target)), ConnectError)
  })
}

test('an address without a listener is a ConnectError', async () => {
  const error = await failure(connect('ws://127.0.0.1:1'))
  assert.ok(error instanceof ConnectError && error.isTransient)
  assert.match(error.message, /cannot connect to ws:\/\/127.0.0.1:1/)
})

test('a missing program, one that writes nonsense, and one that exits at once', async () => {
  assert.match((await failure(connect({ command: ['/no/such/program'] }))).message, /cannot start/)
  assert.match(
    (await failure(connect({ command: ['sh', '-c', 'echo nonsense; sleep 60'] }))).message,
    /its stdout begins with "nonsense", which is no message/,
  )
  assert.match(
    (await failure(connect({ command: ['sh', '-c', 'echo no luck >&2; exit 5'] }))).message,
    /exited with 5: no luck/,
  )
})

test('a server whose stderr has no line ends does no harm', async () => {
  const lines: string[] = []
  const command = ['sh', '-c', 'head -c 100000 /dev/zero | tr "\\0" x >&2; exec "$@"', 'sh', ...oursOnly.stdioCommand]
  const client = await connect({ command, onStderr: (line) => lines.push(line) }, { limits: { messageBytes: 50_000 } })
  await works(client)
  await client.close()
  assert.is(lines.join('').length, 100_000)
})

test('a server that was started and does not greet leaves nothing behind', async () => {
  const sign = mark()
  const command = ['sh', '-c', `sleep ${sign} & sleep ${sign}; echo nonsense`]
  const error = await failure(connect({ command }, { initializeTimeoutMs: 300, limits: { stdioGraceMs: 100 } }))
  assert.match(error.message, /did not answer the handshake within 300 ms/)
  assert.not.ok(await running(`sleep ${sign}`))
  await failure(
    connect(
      { command: ['sh', '-c', `sleep ${sign} & echo nonsense; sleep ${sign}`] },
      { limits: { stdioGraceMs: 100 } },
    ),
  )
  assert.not.ok(await running(`sleep ${sign}`))
  const giveUp = AbortSignal.timeout(300)
  assert.is(await failure(connect({ command }, { signal: giveUp, limits: { stdioGraceMs: 100 } })), giveUp.reason)
  await eventually(async () => !(await running(`sleep ${sign}`)), SOON_MS)
})

/** Takes connections and does with them what it is told. */
async function fakeServer(
  serve: (socket: Socket) => void,
): Promise<{ url: string; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, server, sockets }
}

test('a server that never answers the upgrade is given up in time, and its socket closed', async () => {
  const { url, server, sockets } = await fakeServer((socket) => void socket.resume())
  const error = await failure(connect(url, { connectTimeoutMs: 200 }))
  assert.match(error.message, /took more than 200 ms/)
  await eventually(() => sockets.size === 0, SOON_MS)
  server.close()
})

test('a server that never answers the handshake is given up in time, and its socket closed', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const error = await failure(connect(url, { initializeTimeoutMs: 200 }))
  assert.match(error.message, /did not answer the handshake within 200 ms/)
  await eventually(() => server.clients.size === 0, SOON_MS)
  // And at once by whoever no longer wants it.
  const giveUp = AbortSignal.timeout(100)
  assert.is(await failure(connect(url, { signal: giveUp })), giveUp.reason)
  await eventually(() => server.clients.size === 0, SOON_MS)
  server.close()
})

test('a refused handshake is reported with the reason of the server', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => {
    socket.on('message', () => socket.send('{"error":{"code":-32001,"message":"too many sessions"},"id":1}'))
  })
  await once(server, 'listening')
  const error = await failure(connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`))
  assert.ok(error instanceof RpcError && error.code === -32001)
  assert.is(error.message, 'too many sessions')
  await eventually(() => server.clients.size === 0, SOON_MS)
  server.close()
})

test('messages larger than a frame go out in frames that a server takes', async () => {
  const server = await startServer()
  const client = await connect(server.url)
  const file = join(temporaryFolder(), 'large')
  // One message of 17.3 MB; a frame has 16 MiB at most.
  const dataBase64 = new Uint8Array(13_000_000).fill(7).toBase64()
  await client.call('fs/writeFile', { path: file, dataBase64 })
  assert.is((await client.fs.getMetadata(file)).size, 13_000_000)
  await client.fs.remove(file)
  await client.close()
  await server.stop()
})

test('two hundred clients that come and go leave no socket and no timer', async () => {
  const server = await startServer()
  const before = process.getActiveResourcesInfo().length
  for (let round = 0; round < 20; round++) {
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(server.url)))
    await Promise.all(clients.map((client) => client.close()))
  }
  await eventually(
    () => process.getActiveResourcesInfo().length <= before + 1,
    SOON_MS,
    'the end of all sockets and timers',
  )
  await server.stop()
})

test('the server is dead when close settles', async () => {
  let pid = 0
  const command = ['sh', '-c', 'echo $$ >&2; exec "$@"', 'sh', ...oursOnly.stdioCommand]
  const client = await connect({ command, onStderr: (line) => void (pid ||= Number(line)) })
  await eventually(() => pid > 0, SOON_MS)
  assert.ok(isAlive(pid))
  await client.close()
  assert.not.ok(isAlive(pid))
})

test.run()

/** The log of the real server. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync, closeSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { defaultServerLimits } from '../../../src/server/limits.ts'
import { logLevels } from '../../../src/base/log-level.ts'
import { createLog } from '../../../src/server/telemetry/log.ts'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { jsonLines } from '../../support/json-lines.ts'
import { scrape } from '../../support/prometheus.ts'
import { eventually, isAlive, isDeno, serverCommand, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

type Line = { time: string; level: string; event: string } & Record<string, unknown>

function linesOf(text: string): Line[] {
  const lines = jsonLines<Line>(text, ['time', 'level', 'event'])
  for (const { level } of lines) assert.ok(logLevels.some((each) => each === level))
  return lines
}

/** A server whose stderr goes to wherever that is, and which the test stops. */
async function startWithStderr(
  args: readonly string[],
  stderr: 'pipe' | number,
): Promise<{ child: ChildProcess; url: string; stop: () => Promise<number | null> }> {
  const [command, commandArgs] = serverCommand(args)
  const child = endWithTest(spawn(command, commandArgs, { stdio: ['ignore', 'pipe', stderr] }))
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  const url = await firstLine(child)
  return {
    child,
    url,
    stop: () => {
      if (isAlive(child.pid as number)) process.kill(child.pid as number, 'SIGTERM')
      return exited
    },
  }
}

test('in normal operation nothing is logged, whatever RUST_LOG says', async () => {
  const server = await startServer([], { ...process.env, RUST_LOG: 'debug' })
  const client = await Client.connect(server.url)
  await client.run('p', ['/bin/echo', 'x'])
  await client.ask('process/start', {})
  await client.ask('no/such', {})
  await client.drop()
  await server.stop()
  assert.is(server.stderr(), '')
})

test('--log-level takes four levels, and anything else is a usage error', () => {
  for (const level of ['trace', 'INFO', '', 'exec_server=debug']) {
    const [command, args] = serverCommand([`--log-level=${level}`])
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 })
    assert.equal(
      [status, stdout, stderr],
      [2, '', `exec-server: --log-level takes error, warn, info, debug, not '${level}'\n  see: exec-server --help\n`],
    )
  }
})

test.full('options without effect are named in one warning, without their values', async () => {
  const server = await startServer(['--concurrent-requests', '4', '-c', 'model="x"', '--enable', 'y'])
  await server.stop()
  const [line, ...more] = linesOf(server.stderr())
  assert.equal(
    [line?.level, line?.event, line?.['options'], more],
    ['warn', 'optionsIgnored', 'concurrent-requests config enable', []],
  )
})

test('level info logs the beginning and the end of connections and sessions, with the reason', async () => {
  const server = await startServer(['--log-level', 'info', '--session-ttl-seconds', '1'])
  const first = await Client.connect(server.url)
  await first.request('environment/status', {})
  await first.drop()
  const second = await Client.connect(server.url, first.sessionId)
  second.notify('nonsense', {})
  await second.until(() => second.closeCode !== undefined)
  await eventually(() => server.stderr().includes('sessionExpired'), 20_000, 'sessionExpired')
  const third = await Client.connect(server.url)
  await third.close()
  await eventually(() => server.stderr().split('connectionClosed').length === 4)
  await server.stop()
  const lines = linesOf(server.stderr())
  assert.equal(
    lines.map(({ level, event, connection, why }) =>
      [level, event, connection, why].filter((each) => each !== undefined),
    ),
    [
      ['info', 'listening'],
      ['info', 'connectionOpened', 1],
      ['info', 'sessionCreated', 1],
      ['info', 'sessionDetached'],
      ['info', 'connectionClosed', 1, 'the connection was lost'],
      ['info', 'connectionOpened', 2],
      ['info', 'sessionResumed', 2],
      ['info', 'sessionDetached'],
      ['info', 'connectionClosed', 2, 'unexpected notification nonsense'],
      ['info', 'sessionExpired'],
      ['info', 'connectionOpened', 3],
      ['info', 'sessionCreated', 3],
      ['info', 'sessionDetached'],
      ['info', 'connectionClosed', 3, 'the client closed it with 1005'],
      ['info', 'stopping'],
      ['info', 'sessionEnded'],
    ],
  )
  assert.is(lines[0]?.['url'], server.url)
  assert.match(String(lines[1]?.['peer']), /^127\.0\.0\.1:\d+$/)
  assert.equal([lines[2]?.['session'], lines[2]?.['client']], [first.sessionId, 'test'])
})

/** How long a read waits that is told of. */
const WAIT_MS = 100

test('level debug logs each request with its method, code and time', async () => {
  const server = await startServer(['--log-level', 'debug'])
  const client = await Client.connect(server.url)
  await client.ask('fs/readFile', { path: '/there/is/none' })
  await client.ask('anything/else', {})
  await client.start('p', ['/bin/sleep', '100'])
  await client.request('process/read', { processId: 'p', waitMs: WAIT_MS })
  await client.close()
  await server.stop()
  const requests = linesOf(server.stderr()).filter(({ event }) => event === 'request')
  assert.equal(
    requests.map(({ method, code, connection, level }) => [method, code ?? null, connection, level]),
    [
      ['initialize', null, 1, 'debug'],
      ['fs/readFile', -32004, 1, 'debug'],
      ['unknown', -32601, 1, 'debug'],
      ['process/start', null, 1, 'debug'],
      ['process/read', null, 1, 'debug'],
    ],
  )
  const waited = requests.at(-1)?.['ms'] as number
  // Timers and clocks may be off by some.
  assert.ok(waited >= WAIT_MS - 10, `${waited} ms`)
})

test.full('stdio is logged alike, and stdout has nothing of it', async () => {
  const [command, args] = serverCommand(['--listen', 'stdio', '--log-level', 'info'])
  const child = endWithTest(spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] }))
  let [out, err] = ['', '']
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()))
  child.stdin.end('{"id":1,"method":"initialize","params":{"clientName":"c"}}\n')
  await once(child, 'close')
  assert.is(out.split('\n').length, 2)
  assert.equal(
    linesOf(err).map(({ event, peer, why }) => [event, peer ?? null, why ?? null]),
    [
      ['listening', null, null],
      ['connectionOpened', 'stdio', null],
      ['sessionCreated', null, null],
      ['sessionDetached', null, null],
      ['connectionClosed', 'stdio', 'stdin has ended'],
      ['stopping', null, null],
      ['sessionEnded', null, null],
    ],
  )
})

test.full('no token, argument, variable, content or address of a request is in the log, at any level', async () => {
  const folder = temporaryFolder('exec-server-log-')
  const token = 'hidden-token-of-some-characters'
  writeFileSync(join(folder, 'token'), token)
  writeFileSync(join(folder, 'file'), 'hidden-content')
  const server = await startServer(
    ['--log-level', 'debug', '--capability-url', '--ws-token-file', join(folder, 'token')],
    { ...process.env, EXEC_SERVER_URL: `ws://x/c/${token}`, MINE: 'hidden-own' },
  )
  assert.match(server.url, token)
  const client = await Client.connect(server.url)
  await client.run('hidden-id', ['/bin/sh', '-c', 'echo hidden-output; echo $V', 'hidden-argument'], {
    env: { V: 'hidden-value' },
  })
  await client.start('cat', ['/bin/cat'], { pipeStdin: true })
  await client.request('process/write', { processId: 'cat', chunk: Buffer.from('hidden-input').toString('base64') })
  await client.request('fs/readFile', { path: join(folder, 'file') })
  await client.ask('fs/readFile', { path: '/hidden-path' })
  await client.ask('hidden/method', { hidden: 'hidden' })
  await client.ask('http/request', {
    requestId: 'hidden',
    method: 'GET',
    url: 'http://hidden:hidden@127.0.0.1:1/?hidden-token',
    headers: [{ name: 'authorization', value: 'hidden-header' }],
  })
  client.send('hidden nonsense')
  await client.until(() => client.messages.some((message) => message.includes('"id":-1')))
  await fetch(`${server.url.replace(/^ws/, 'http')}x`).catch(() => {})
  await fetch(new URL('/', server.url).href.replace(/^ws/, 'http'), { headers: { authorization: 'Bearer hidden' } })
  await client.close()
  await server.stop()
  assert.ok(linesOf(server.stderr()).length > 12)
  assert.not.match(server.stderr(), 'hidden')
})

test.full(
  'an unread stderr delays no client; lines beyond the bound are dropped and counted, and the count is logged once it is read',
  async () => {
    const server = await startWithStderr(['--log-level', 'debug'], 'pipe')
    const { child, url } = server
    const client = await Client.connect(url)
    const requests = 15_000
    for (let id = 100; id < 100 + requests; id++) client.send(`{"id":${id},"method":"environment/status"}`)
    await client.until(() => client.messages.length > requests, 60_000, 'all answers')
    const droppedLines = async (): Promise<number> => (await scrape(url))('exec_server_log_lines_dropped_total')
    assert.ok((await droppedLines()) > 1000, `${await droppedLines()} lines dropped`)

    let text = ''
    child.stderr?.on('data', (bytes: Buffer) => (text += bytes.toString()))
    await eventually(
      () => text.length > defaultServerLimits.logQueue / 2 && text.endsWith('\n'),
      20_000,
      'what was queued',
    )
    // A short line may find room where the one before it did not, so it may be told in parts.
    const whole = (): Line[] => linesOf(text.slice(0, text.lastIndexOf('\n') + 1))
    const toldOf = (): number =>
      whole().reduce((sum, { event, lines }) => sum + (event === 'linesDropped' ? (lines as number) : 0), 0)
    // It is told with the next line that finds room; until then there may be none for the next line either.
    let more = 0
    const isAllTold = async (): Promise<boolean> => {
      more++
      await client.request('environment/status', {})
      return toldOf() === (await droppedLines())
    }
    await eventually(isAllTold, 20_000, 'the count')
    const requestsTold = (): number => whole().filter(({ event }) => event === 'request').length
    const dropped = await droppedLines()
    await eventually(() => requestsTold() + dropped === requests + 1 + more, 20_000, 'the lines of all other requests')
    assert.is(await droppedLines(), dropped)
    await client.close()
    assert.is(await server.stop(), 0)
  },
)

test.full('a stderr whose reader is gone is no end either', async () => {
  const { child, url, stop } = await startWithStderr(['--log-level', 'debug'], 'pipe')
  child.stderr?.destroy()
  const client = await Client.connect(url)
  for (let index = 0; index < 50; index++) await client.request('environment/status', {})
  assert.is((await client.run('p', ['/bin/echo', 'lives'])).output, 'lives\n')
  // The place of stderr is not given to anything else.
  const { output } = await client.run('q', ['/bin/sh', '-c', `readlink /proc/${child.pid}/fd/2`])
  assert.match(output, /^(pipe|socket):|^\/dev\/null/)
  await client.close()
  assert.is(await stop(), 0)
})

test('a stderr that is a file is appended to at once', async () => {
  const folder = temporaryFolder('exec-server-log-')
  const path = join(folder, 'log')
  const fd = openSync(path, 'a')
  const { url, stop } = await startWithStderr(['--log-level', 'info'], fd)
  closeSync(fd)
  const client = await Client.connect(url)
  await eventually(() => readFileSync(path, 'utf8').includes('sessionCreated'))
  await client.close()
  await stop()
  const events = linesOf(readFileSync(path, 'utf8')).map(({ event }) => event)
  for (const event of ['listening', 'stopping', 'sessionEnded']) assert.ok(events.includes(event), event)
})

test.full('a stderr on a full disk is no end', async () => {
  const fd = openSync('/dev/full', 'w')
  const { url, stop } = await startWithStderr(['--log-level', 'debug'], fd)
  closeSync(fd)
  const client = await Client.connect(url)
  await client.request('environment/status', {})
  assert.ok((await scrape(url))('exec_server_log_lines_dropped_total') >= 4)
  await client.close()
  assert.is(await stop(), 0)
})

// Only Node takes code to run before the server's own from its environment.
const provoking =
  isDeno || process.env['EXEC_SERVER_BINARY'] !== undefined
    ? (title: string) => test.skip(`${title} (only from source on Node)`)
    : test
provoking('a fault of our own is a line with its stack, at every level, and the server lives on', async () => {
  const folder = temporaryFolder('exec-server-log-')
  writeFileSync(
    join(folder, 'fault.mjs'),
    `process.on('SIGUSR2', () => { throw new Error('provoked ' + 'x'.repeat(100000)) })`,
  )
  const server = await startServer(['--log-level', 'error'], {
    ...process.env,
    NODE_OPTIONS: `--import=${join(folder, 'fault.mjs')}`,
  })
  const client = await Client.connect(server.url)
  process.kill(server.child.pid as number, 'SIGUSR2')
  await eventually(() => server.stderr().endsWith('\n'), 20_000, 'a line')
  await client.request('environment/status', {})
  const [line] = linesOf(server.stderr())
  assert.equal([line?.level, line?.event], ['error', 'internalError'])
  const fault = line?.['fault'] as string
  assert.match(fault, /^Error: provoked x/)
  assert.ok(fault.length < defaultServerLimits.logText + 100)
  assert.match(fault, /… \(\d+ characters\)$/)
  await client.close()
  await server.stop()
})

test('levels: each has its own lines and those of the graver ones', () => {
  for (const [index, level] of logLevels.entries()) {
    const taken: string[] = []
    const log = createLog(level, (line) => taken.push(line) > 0, defaultServerLimits)
    for (const each of logLevels) log.write(each, each)
    assert.equal(
      taken.map((line) => (JSON.parse(line) as Line).event),
      logLevels.slice(0, index + 1),
    )
    assert.equal(
      logLevels.map((each) => log.has(each)),
      logLevels.map((_, of) => of <= index),
    )
  }
})

test.run()

/** The program as it is called. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { refusalOf } from '../../support/refusal.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isAlive, root, serverCommand, startServer } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'

function call(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const [command, commandArgs] = serverCommand(args)
  return spawnSync(command, commandArgs, { encoding: 'utf8', timeout: 30_000 })
}

test('--help and --version answer on stdout', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.equal(call('--version').stdout, `exec-server ${version}\n`)
  const help = call('exec-server', '--help')
  assert.is(help.status, 0)
  assert.match(help.stdout, /--listen URL/)
})

const USAGE_ERRORS = [
  ['--bogus'],
  ['stray'],
  ['--listen'],
  ['--listen', 'stdio', '--listen', 'stdio'],
  ['--session-ttl-seconds', '0'],
  ['--session-ttl-seconds', '1.5'],
  ['--retained-mib', 'x'],
]

function isUsageError(args: readonly string[]): void {
  const { status, stdout, stderr } = call(...args)
  assert.is(status, 2, args.join(' '))
  assert.is(stdout, '')
  assert.match(stderr, /^exec-server: [^\n]+\n(?: {2}[^\n]+\n)+$/)
}

test('a usage error exits 2 with its reason and a hint on stderr, and nothing on stdout', () => {
  isUsageError(['--bogus'])
  for (const args of USAGE_ERRORS) {
    const refusal = refusalOf(args)
    assert.is(refusal?.exitCode, 2, args.join(' '))
    assert.match(refusal?.message ?? '', /^[^\n]+$/)
  }
})

test('an unknown command names those that there are', () => {
  isUsageError(['stray'])
  assert.match(call('stray').stderr, /^exec-server: there is no command 'stray'\n {2}there are: doctor, .*\brun, ps\b/)
})

test.full('usage errors exit 2 with their reason and a hint on stderr, and nothing on stdout', () => {
  for (const args of USAGE_ERRORS) isUsageError(args)
})

const BAD_LISTENS = [
  'ws://localhost:0',
  'ws://127.0.0.1',
  'ws://127.0.0.1:65536',
  'ws://127.0.0.1:0/',
  'ws://127.0.0.1:1/x',
  'wss://127.0.0.1:0',
  'WS://127.0.0.1:0',
  'STDIO',
  'stdio:',
  '',
  '127.0.0.1:0',
  'ws://::1:0',
  'ws://[127.0.0.1]:0',
  'ws://203.0.113.7:0',
]

function cannotListen(listen: string, ...more: string[]): void {
  const { status, stdout, stderr } = call('--listen', listen, ...more)
  assert.is(status, 1, listen)
  assert.is(stdout, '')
  assert.match(stderr, /^exec-server: cannot listen on [^\n]+\n$/)
}

test('an invalid listen value is a usage error', () => {
  isUsageError(['--listen', 'ws://localhost:0'])
  for (const listen of BAD_LISTENS) {
    const refusal = refusalOf(['--listen', listen])
    assert.is(refusal?.exitCode, 2, listen)
    assert.match(refusal?.message ?? '', /^[^\n]+$/)
  }
})

test('a bind that fails exits 1 with one line on stderr', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  atEnd(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  cannotListen(`ws://127.0.0.1:${port}`)
  // An address that this machine does not have.
  cannotListen('ws://203.0.113.7:0', '--allow-unauthenticated')
})

test.full('invalid listen values are usage errors', () => {
  for (const listen of BAD_LISTENS) isUsageError(['--listen', listen])
})

test('the URL is the first and only line', async () => {
  const server = await startServer(['exec-server', '--listen', 'ws://127.0.0.1:0'])
  assert.match(server.url, /^ws:\/\/127\.0\.0\.1:[1-9]\d+$/)
  assert.is(await server.stop(), 0)
  assert.is(server.stderr(), '')
})

test('the URL has an IPv6 address in brackets', async () => {
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  )
  if (!hasIpv6) skip('this machine has no IPv6')
  const six = await startServer(['--listen', 'ws://[::1]:0'])
  assert.match(six.url, /^ws:\/\/\[::1\]:[1-9]\d+$/)
  await (await Client.connect(six.url)).close()
  assert.is(await six.stop(), 0)
})

test.full('SIGTERM and SIGINT kill every group, close connections with a close frame, and exit 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = await startServer()
    const client = await Client.connect(server.url)
    const detached = await Client.connect(server.url)
    const script = ['/bin/sh', '-c', 'trap "" TERM HUP; sleep 600 & echo $! $$; wait']
    const daemon = ['/bin/sh', '-c', 'sleep 600 >/dev/null 2>&1 & echo $!']
    await client.start('pipe', script)
    await client.start('terminal', script, { tty: true })
    await client.run('daemon', daemon)
    await client.start('jobs', ['/bin/bash', '-ic', 'sleep 600 & echo $! $$; wait'], { tty: true })
    await detached.start('detached', script)
    const pidsIn = (text: string): number[] => (text.match(/\b\d{2,}\b/g) ?? []).map(Number)
    await client.until(
      () =>
        pidsIn(client.outputOf('jobs').toString()).length >= 2 &&
        client.outputOf('pipe').length > 0 &&
        client.outputOf('terminal').length > 0,
    )
    await detached.until(() => detached.outputOf('detached').length > 0)
    const pids = [
      ...['pipe', 'terminal', 'daemon', 'jobs'].flatMap((id) => pidsIn(client.outputOf(id).toString())),
      ...pidsIn(detached.outputOf('detached').toString()),
    ]
    assert.ok(pids.length >= 9)
    await detached.drop()
    process.kill(server.child.pid as number, signal)
    assert.is(await server.stop(), 0)
    await eventually(() => pids.every((pid) => !isAlive(pid)), 30_000, 'the death of all')
    await client.until(() => client.closeCode !== undefined)
    assert.is(client.closeCode, 1001)
    assert.is(server.stderr(), '')
  }
})

test('a closed stdin does not end a server that listens on the network', async () => {
  const child = endWithTest(spawn(...serverCommand([]), { stdio: ['pipe', 'pipe', 'inherit'] }))
  const url = await firstLine(child)
  child.stdin.end()
  const client = await Client.connect(url)
  await client.close()
  process.kill(child.pid as number)
  assert.equal(await once(child, 'exit'), [0, null])
})

test.full(
  'a server whose directory is removed serves on, and hands none of its own descriptors to a command',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'removed-'))
    const [command, args] = serverCommand([])
    atEnd(() => rmSync(folder, { recursive: true, force: true }))
    const child = endWithTest(
      spawn('/bin/sh', ['-c', 'cd "$0"; exec "$@" 9</dev/null', folder, command, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
    const url = await firstLine(child)
    rmSync(folder, { recursive: true })
    const client = await Client.connect(url)
    assert.match((await client.request('environment/info', {})).cwd, /^file:\/\/\//)
    assert.equal(await client.run('p', ['/bin/sh', '-c', 'test -e /proc/self/fd/9 || echo closed'], { cwd: '/' }), {
      code: 0,
      output: 'closed\n',
    })
    await client.close()
    child.kill('SIGTERM')
    await once(child, 'exit')
  },
)

test.run()

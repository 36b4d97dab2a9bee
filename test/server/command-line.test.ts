/** The program as it is called. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../support/client.ts'
import { firstLine } from '../support/first-line.ts'
import { eventually, isAlive, root, serverCommand, startServer } from '../support/server.ts'
import { test } from '../support/suite.ts'

function call(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const [command, commandArgs] = serverCommand(args)
  return spawnSync(command, commandArgs, { encoding: 'utf8', timeout: 10_000 })
}

test('--help and --version answer on stdout', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  assert.equal(call('--version').stdout, `exec-server ${version}\n`)
  const help = call('exec-server', '--help')
  assert.is(help.status, 0)
  assert.match(help.stdout, /--listen URL/)
})

test('usage errors exit 2 with one line on stderr and nothing on stdout', () => {
  for (const args of [
    ['--bogus'],
    ['stray'],
    ['--listen'],
    ['--listen', 'stdio', '--listen', 'stdio'],
    ['--session-ttl-seconds', '0'],
    ['--session-ttl-seconds', '1.5'],
    ['--retained-mib', 'x'],
  ]) {
    const { status, stdout, stderr } = call(...args)
    assert.is(status, 2, args.join(' '))
    assert.is(stdout, '')
    assert.match(stderr, /^error: [^\n]+\n$/)
  }
})

test('listen values that cannot be and binds that fail exit 1 with one line on stderr', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const bad = [
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
    `ws://127.0.0.1:${port}`,
  ]
  for (const listen of bad) {
    const { status, stdout, stderr } = call('--listen', listen)
    assert.is(status, 1, listen)
    assert.is(stdout, '')
    assert.match(stderr, /^Error: [^\n]+\n$/)
  }
  taken.close()
})

test('the URL is the first and only line, for IPv6 in brackets', async () => {
  const server = await startServer(['exec-server', '--listen', 'ws://127.0.0.1:0'])
  assert.match(server.url, /^ws:\/\/127\.0\.0\.1:[1-9]\d+$/)
  assert.is(await server.stop(), 0)
  assert.is(server.stderr(), '')
  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  )
  if (!hasIpv6) return
  const six = await startServer(['--listen', 'ws://[::1]:0'])
  assert.match(six.url, /^ws:\/\/\[::1\]:[1-9]\d+$/)
  await (await Client.connect(six.url)).close()
  assert.is(await six.stop(), 0)
})

test('SIGTERM and SIGINT kill every group, close the doors with a close frame, and exit 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const server = await startServer()
    const client = await Client.connect(server.url)
    const detached = await Client.connect(server.url)
    const script = ['/bin/sh', '-c', 'trap "" TERM HUP; sleep 60 & echo $! $$; wait']
    const daemon = ['/bin/sh', '-c', 'sleep 60 >/dev/null 2>&1 & echo $!']
    await client.start('pipe', script)
    await client.start('terminal', script, { tty: true })
    await client.run('daemon', daemon)
    await client.start('jobs', ['/bin/bash', '-ic', 'sleep 60 & echo $! $$; wait'], { tty: true })
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
    await eventually(() => pids.every((pid) => !isAlive(pid)), 1000, 'the death of all')
    await client.until(() => client.closeCode !== undefined)
    assert.is(client.closeCode, 1001)
    assert.is(server.stderr(), '')
  }
})

test('a closed stdin does not end a server that listens on the network', async () => {
  const child = spawn(...serverCommand([]), { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  child.stdin.end()
  const client = await Client.connect(line.toString().trim())
  await client.close()
  process.kill(child.pid as number)
  assert.equal(await once(child, 'exit'), [0, null])
})

test('a server whose directory is removed serves on, and hands none of its own descriptors to a command', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'removed-'))
  const [command, args] = serverCommand([])
  const child = spawn('/bin/sh', ['-c', 'cd "$0"; exec "$@" 9</dev/null', folder, command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
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
})

test.run()

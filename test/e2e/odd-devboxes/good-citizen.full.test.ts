/** What the executable shares with the rest of a machine: signals, names, limits and closed outputs. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess, StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, readFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { openPipe } from '../../../src/host/ffi/libc.ts'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { atEnd } from '../../support/scope.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { begin } from '../cli/call.ts'

const test = suite('a good citizen')

const isExecutable = process.env['EXEC_SERVER_BINARY'] !== undefined && process.platform === 'linux'
const onLinux = process.platform === 'linux' ? test : test.skip
/** From source the runtime has already lost what it was started with. */
const inExecutable = isExecutable ? test : test.skip

/** Starts the server after a piece of shell script. */
async function startAfter(script: string, args: readonly string[] = []): Promise<{ child: ChildProcess; url: string }> {
  const [command, rest] = serverCommand(args)
  const child = endWithTest(
    spawn('/bin/sh', ['-c', `${script}; exec "$0" "$@"`, command, ...rest], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  return { child, url: await firstLine(child) }
}

inExecutable('a server that was started with SIGHUP ignored, as by nohup, survives one', async () => {
  const { child, url } = await startAfter('trap "" HUP')
  process.kill(child.pid as number, 'SIGHUP')
  const client = await Client.connect(url)
  process.kill(child.pid as number, 'SIGHUP')
  assert.equal(await client.run('p', ['/bin/sh', '-c', 'kill -HUP $$; echo survived']), { code: 129, output: '' })
  await client.close()
  child.kill('SIGTERM')
  assert.equal(await once(child, 'exit'), [0, null])
})

inExecutable('`run` survives it, too, and does not pass it on', async () => {
  const server = await startServer()
  const script = 'echo ready; read line; echo $line'
  const run = serverCommand(['run', '--url', server.url, '--', '/bin/sh', '-c', script]).flat()
  const { child, ended } = begin(['/bin/sh', '-c', 'trap "" HUP; exec "$0" "$@"', ...run])
  await once(child.stdout, 'data')
  process.kill(child.pid as number, 'SIGHUP')
  child.stdin.end('on\n')
  assert.equal(await ended, { code: 0, stdout: 'ready\non\n', stderr: '' })
})

inExecutable('SIGHUP ends a server otherwise', async () => {
  const { child } = await startAfter(':')
  process.kill(child.pid as number, 'SIGHUP')
  assert.equal(await once(child, 'exit'), [0, null])
})

onLinux('it is called exec-server in ps and top', async () => {
  const server = await startServer()
  assert.is(readFileSync(`/proc/${server.child.pid}/comm`, 'utf8'), 'exec-server\n')
})

const SOFT = 300
const LIMIT = ['/bin/sh', '-c', 'ulimit -Sn']
const READ_ALL = {
  permissions: {
    type: 'managed',
    file_system: {
      type: 'restricted',
      entries: [{ path: { type: 'special', value: { kind: 'root' } }, access: 'read' }],
    },
    network: 'restricted',
  },
  cwd: 'file:///',
  workspaceRoots: ['file:///'],
}

const canSandbox = process.platform === 'linux' && spawnSync(...serverCommand(['doctor'])).status === 0

/** The parent keeps the limit, for runtimes that raise their own before any script runs. */
const IN_SHELL = `ulimit -Sn ${SOFT}; trap 'kill $!' TERM; "$0" "$@" & wait $!; wait $!; exit`

onLinux('commands get the soft limit of open files that the server was started with', async () => {
  const { child, url } = await startAfter(isExecutable ? `ulimit -Sn ${SOFT}` : IN_SHELL)
  const client = await Client.connect(url)
  const soft = async (processId: string, more: object): Promise<number> =>
    Number((await client.run(processId, LIMIT, more)).output)
  assert.is(await soft('pipe', {}), SOFT)
  assert.is(await soft('terminal', { tty: true }), SOFT)
  assert.is(await soft('arg0', { tty: true, arg0: 'name' }), SOFT)
  if (canSandbox) {
    assert.is(await soft('sandboxed', { sandbox: READ_ALL }), SOFT)
    assert.is(await soft('sandboxed-terminal', { sandbox: READ_ALL, tty: true }), SOFT)
  }
  await client.close()
  child.kill('SIGTERM')
  await once(child, 'exit')
})

inExecutable(
  'a server has the whole limit for itself, and commands their own when it has more files open',
  async () => {
    const { child, url } = await startAfter('ulimit -Sn 40')
    const limits = (): string => readFileSync(`/proc/${child.pid}/limits`, 'utf8')
    const clients = [await Client.connect(url)]
    const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(limits()) ?? []
    assert.ok(Number(soft) > 40)
    assert.is(soft, hard)
    while (clients.length < 50) clients.push(await Client.connect(url))
    const client = clients[0] as Client
    // It looks after its start has been answered.
    for (const tty of [false, true]) {
      const processId = `tty ${tty}`
      await client.start(processId, ['/bin/sh', '-c', 'read line; ulimit -Sn'], { tty, pipeStdin: true })
      await client.request('process/write', { processId, chunk: Buffer.from('\n').toString('base64'), writeId: '1' })
      assert.is(await client.closed(processId), 0)
      assert.is(client.outputOf(processId).toString().trim(), '40')
    }
    for (const each of clients) await each.close()
  },
)

onLinux('`run` without a server gives commands the limit that it was started with', () => {
  const env = { PATH: process.env['PATH'], HOME: temporaryFolder() }
  const [command, args] = serverCommand(['run', '--local', '--', ...LIMIT])
  const script = isExecutable ? `ulimit -Sn ${SOFT}; exec "$0" "$@"` : `ulimit -Sn ${SOFT}; "$0" "$@"; exit`
  const { status, stdout } = spawnSync('/bin/sh', ['-c', script, command, ...args], { encoding: 'utf8', env })
  assert.equal({ status, stdout }, { status: 0, stdout: `${SOFT}\n` })
})

/** Each of these writes to stdout. */
const WRITERS = [['--help'], ['--version'], ['doctor'], [], ['run', '--help']]

for (const args of WRITERS) {
  const name = ['exec-server', ...args].join(' ')

  test(`${name}: a reader that has gone, such as head, ends it silently`, () => {
    const pipe = openPipe()
    if (pipe === undefined) skip('this runtime makes no pipes')
    const [read, write] = pipe
    atEnd(() => closeSync(write))
    closeSync(read)
    const stdio: StdioOptions = ['ignore', write, 'pipe']
    const { status, stderr } = spawnSync(...serverCommand(args), { stdio, encoding: 'utf8', timeout: 30_000 })
    assert.equal({ status, stderr }, { status: 141, stderr: '' })
  })

  test(`${name}: a full disk is one line and an exit code`, () => {
    if (!existsSync('/dev/full')) skip('this machine has no /dev/full')
    const [command, rest] = serverCommand(args)
    const { status, stderr } = spawnSync('/bin/sh', ['-c', 'exec "$0" "$@" > /dev/full', command, ...rest], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    assert.is(status, 1)
    assert.match(
      stderr,
      /^[^\n]*cannot write to stdout: [^\n]*(?:No space left on device|no space left on device)[^\n]*\n$/,
    )
  })
}

test.run()

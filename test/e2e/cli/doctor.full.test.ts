/** What `doctor` and the log say of a runtime that lacks something. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { isDeno, root, serverCommand, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { forgetUsers, oddCommand } from '../odd-devboxes/odd-devbox.ts'
import { call } from './call.ts'

/** Takes Node's foreign functions away, and hides a socket's write queue. */
const SPOILED = `
const original = process.getBuiltinModule
process.getBuiltinModule = (name) => (name === 'node:ffi' ? undefined : original(name))
const { Server } = original('node:net')
const { listen } = Server.prototype
Server.prototype.listen = function (...how) {
  this.once('listening', () => Object.defineProperty(this._handle, 'writeQueueSize', { value: undefined }))
  return listen.apply(this, how)
}
`

/** From source, as no module can be loaded ahead of the executable. */
function spoiled(...args: string[]): [string, string[]] {
  const preload = join(temporaryFolder('doctor-'), 'spoil.mjs')
  writeFileSync(preload, SPOILED)
  return [process.execPath, ['--import', preload, join(root, 'src/main.ts'), ...args]]
}

const runsOnNode = isDeno ? test.skip : test

test('the doctor misses nothing here', () => {
  const { stdout } = spawnSync(...serverCommand(['doctor']), { encoding: 'utf8' })
  assert.match(stdout, /^runtime .*: all that is used of it is there$/m)
})

runsOnNode('the doctor tells what is missing, and what is lost with it', () => {
  const { stdout } = spawnSync(...spoiled('doctor'), { encoding: 'utf8' })
  assert.match(stdout, /^runtime +Node v[0-9.]+$/m)
  assert.match(stdout, /^ +_handle.writeQueueSize is missing: a peer that reads a large message slowly/m)
  assert.match(stdout, /^ +libc close is missing: /m)
  assert.not.match(stdout, /_handle.fd|_receiver|--expose-gc/)
})

runsOnNode('the server warns of it at its start, and serves', async () => {
  const child = spawn(...spoiled('--listen', 'ws://127.0.0.1:0'), { stdio: ['ignore', 'ignore', 'pipe'] })
  const lines: { level: string; event: string; name: string; lost: string }[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(JSON.parse(line))
    if (lines.at(-1)?.name === 'libc close') break
  }
  child.kill()
  await once(child, 'exit')
  assert.ok(
    lines.every(({ level, event, lost }) => level === 'warn' && event === 'internalMissing' && lost.length > 20),
  )
  assert.ok(lines.some(({ name }) => name === '_handle.writeQueueSize'))
})

type Report = { version: string; isFine: boolean; findings: { name: string; value: string; isFine: boolean }[] }

test('the doctor tells of the machine, and the same to a program with --json', () => {
  const plain = spawnSync(...serverCommand(['doctor']), { encoding: 'utf8' })
  const json = spawnSync(...serverCommand(['doctor', '--json']), { encoding: 'utf8' })
  const { version, isFine, findings }: Report = JSON.parse(json.stdout)
  assert.match(version, /^\d/)
  assert.is(json.status, isFine ? 0 : 1)
  assert.is(plain.status, json.status)
  const names = findings.map(({ name }) => name)
  const expected = ['exec-server', 'platform', 'runtime', 'home', 'shell', 'temporary files', '/dev/null', 'terminals']
  const onLinux = process.platform === 'linux' ? ['/proc', 'open files', 'clean-up', 'listens'] : []
  for (const name of [...expected, ...onLinux]) {
    assert.ok(names.includes(name), name)
    assert.match(plain.stdout, new RegExp(`^${name} +\\S`, 'm'))
  }
})

test('with --url the doctor looks at a server as its clients see it', async () => {
  const server = await startServer()
  const { code, stdout, stderr } = await call(['doctor', '--json', '--url', server.url])
  assert.equal({ code, stderr }, { code: 0, stderr: '' })
  const { isFine, findings }: Report = JSON.parse(stdout)
  assert.ok(isFine)
  const names = findings.map(({ name }) => name)
  for (const name of [
    'connection',
    'round trip',
    'server',
    'shell',
    'command',
    'terminal',
    'files',
    'this directory',
    'codex',
  ])
    assert.ok(names.includes(name), name)
})

test('a server that cannot be reached is one line, and exit code 255', async () => {
  const { code, stdout, stderr } = await call(['doctor', '--url', 'ws://127.0.0.1:1'])
  assert.equal({ code, stdout }, { code: 255, stdout: '' })
  assert.match(
    stderr,
    /^exec-server: cannot connect to ws:\/\/127\.0\.0\.1:1[^\n]*\n {2}nothing listens there[^\n]*\n$/,
  )
})

runsOnNode('each missing thing is listed with what is lost', () => {
  const [command, args] = oddCommand(`${forgetUsers()}; mount -t tmpfs none /proc`, { args: ['doctor'] })
  const env = { PATH: process.env['PATH'], TMPDIR: '/nowhere' }
  const { stdout } = spawnSync(command, args, { encoding: 'utf8', env })
  assert.match(stdout, /^\/proc +none$/m)
  assert.match(stdout, /^home +none: neither HOME nor the user database says where$/m)
  assert.match(stdout, /^temporary files +\/nowhere: No such file or directory/m)
  assert.match(stdout, /^clean-up +process groups only$/m)
  assert.match(stdout, /^listens +no exec-server of this user$/m)
})

test.run()

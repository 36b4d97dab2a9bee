/** What `doctor` and the log say of a runtime that lacks something. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { isDeno, root, serverCommand } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

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

test.run()

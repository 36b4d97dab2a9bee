/** Mounts that are made in the namespace of a process which waits, as a sandbox does. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { attachMounts } from '../../../src/host/process/attach-mounts.ts'
import { endChild, endWithTest } from '../../support/child.ts'
import { test } from '../../support/suite.ts'

const directory = mkdtempSync(join(tmpdir(), 'attach-mounts-'))
chmodSync(directory, 0o755)
test.after(() => rmSync(directory, { recursive: true }))
const at = (name: string): string => join(directory, name)
for (const name of ['from', 'to', 'other']) mkdirSync(at(name))
writeFileSync(at('from/file'), 'text')

/** A mount namespace of its own, in a user namespace of its own or not. */
const NAMESPACES = {
  'of its own': ['--user', '--map-root-user', '--mount'],
  'of the server': ['--mount'],
} as const

const isPossible = (flags: readonly string[]): boolean =>
  process.platform === 'linux' && spawnSync('unshare', [...flags, 'true']).status === 0

/** Starts a process in such a namespace, that waits. */
async function waiting(flags: readonly string[]): Promise<ChildProcess & { pid: number }> {
  const child = spawn('unshare', [...flags, 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  endWithTest(child, 'SIGKILL')
  await once(child.stdout, 'data')
  return child as ChildProcess & { pid: number }
}

/** Descriptors of this process, without the one that lists them. */
const descriptors = (): string[] =>
  readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        return ''
      }
    })
    .filter((target) => target.startsWith('/memfd') || /^(?:mnt|user):/.test(target))

for (const [whose, flags] of Object.entries(NAMESPACES)) {
  const define = isPossible(flags) ? test : test.skip
  const hasOwn = whose === 'of its own'

  define(`mounts are made in the namespace of a process, in a user namespace ${whose}, and nowhere else`, async () => {
    const child = await waiting(flags)
    const inside = `/proc/${child.pid}/root`
    const attach = [
      { from: at('from'), to: at('to') },
      { from: at('to'), to: at('other') },
    ]
    assert.ok(await attachMounts(child.pid, attach, hasOwn))
    assert.equal(readdirSync(inside + at('to')), ['file'])
    assert.equal(readdirSync(inside + at('other')), ['file'])
    assert.equal(readdirSync(at('to')), [])
    assert.equal(descriptors(), [])
    await endChild(child, 'SIGKILL')
  })

  define(`a mount that cannot be made is reported, in a user namespace ${whose}`, async () => {
    const child = await waiting(flags)
    assert.not(await attachMounts(child.pid, [{ from: at('from'), to: at('missing') }], hasOwn))
    assert.not(existsSync(at('missing')))
    assert.not(await attachMounts(child.pid, [{ from: at('from/file'), to: at('to') }], hasOwn))
    assert.equal(descriptors(), [])
    await endChild(child, 'SIGKILL')
  })
}

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a process that has ended is an error, and leaves nothing open', async () => {
  const ended = spawn('true')
  await once(ended, 'exit')
  let message = ''
  try {
    await attachMounts(ended.pid as number, [{ from: at('from'), to: at('to') }], false)
  } catch (error) {
    message = (error as Error).message
  }
  assert.match(message, /ENOENT/)
  assert.equal(descriptors(), [])
})

test.run()

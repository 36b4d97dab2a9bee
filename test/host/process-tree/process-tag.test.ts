/** The tag by which the server finds again what it has started. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { canTag, processTagOf, serverTag, withProcessTag } from '../../../src/host/process-tree/process-tag.ts'
import { endWithTest } from '../../support/child.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('everything can be marked here, each with a tag of its own that begins as all of this server', () => {
  assert.ok(canTag())
  const tags = Array.from({ length: 100 }, () => withProcessTag((tag) => tag))
  assert.is(new Set(tags).size, 100)
  for (const tag of tags) assert.match(tag ?? '', new RegExp(`^${serverTag}\\d{9}$`))
})

onLinux('a tag goes on to children and through exec, setsid and another user', () => {
  const read = 'sh -c \'setsid sh -c "cat /proc/self/limits"\''
  const asNobody = process.getuid?.() === 0 ? `setpriv --reuid=65534 --clear-groups ${read}` : read
  const [tag, told] = withProcessTag((tag) => [tag, execFileSync('sh', ['-c', asNobody]).toString()])
  assert.match(told, new RegExp(`^Max realtime timeout +${tag} `, 'm'))
})

onLinux('this process bears a tag only while it starts something, also when that fails', () => {
  assert.throws(() => withProcessTag((): void => execFileSync('/does/not/exist') as unknown as void))
  assert.is(processTagOf(process.pid), undefined)
  assert.is(withProcessTag(() => processTagOf(process.pid))?.startsWith(serverTag), true)
  assert.is(processTagOf(process.pid), undefined)
})

onLinux('a limit of somebody else is no tag', async () => {
  const child = endWithTest(spawn('prlimit', ['--rttime=200000', 'sleep', '60'], { stdio: 'ignore' }), 'SIGKILL')
  await once(child, 'spawn')
  await eventually(() => readFileSync(`/proc/${child.pid}/limits`, 'latin1').includes(' 200000 '))
  assert.is(processTagOf(child.pid as number), undefined)
})

test('a process that is gone has no tag', () => {
  assert.is(processTagOf(2 ** 22 + 1), undefined)
})

test.run()

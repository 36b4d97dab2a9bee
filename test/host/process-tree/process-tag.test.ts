/** The mark by which the server finds again what it has started. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { canMark, processTagOf, serverMark, withProcessTag } from '../../../src/host/process-tree/process-tag.ts'
import { endWithTest } from '../../support/child.ts'
import { eventually } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('everything can be marked here, each with a mark of its own that begins as all of this server', () => {
  assert.ok(canMark())
  const marks = Array.from({ length: 100 }, () => withProcessTag((mark) => mark))
  assert.is(new Set(marks).size, 100)
  for (const mark of marks) assert.match(mark ?? '', new RegExp(`^${serverMark}\\d{9}$`))
})

onLinux('a mark goes on to children and through exec, setsid and another user', () => {
  const read = 'sh -c \'setsid sh -c "cat /proc/self/limits"\''
  const asNobody = process.getuid?.() === 0 ? `setpriv --reuid=65534 --clear-groups ${read}` : read
  const [mark, told] = withProcessTag((mark) => [mark, execFileSync('sh', ['-c', asNobody]).toString()])
  assert.match(told, new RegExp(`^Max realtime timeout +${mark} `, 'm'))
})

onLinux('this process bears a mark only while it starts something, also when that fails', () => {
  assert.throws(() => withProcessTag((): void => execFileSync('/does/not/exist') as unknown as void))
  assert.is(processTagOf(process.pid), undefined)
  assert.is(withProcessTag(() => processTagOf(process.pid))?.startsWith(serverMark), true)
  assert.is(processTagOf(process.pid), undefined)
})

onLinux('a limit of somebody else is no mark', async () => {
  const child = endWithTest(spawn('prlimit', ['--rttime=200000', 'sleep', '60'], { stdio: 'ignore' }), 'SIGKILL')
  await once(child, 'spawn')
  await eventually(() => readFileSync(`/proc/${child.pid}/limits`, 'latin1').includes(' 200000 '))
  assert.is(processTagOf(child.pid as number), undefined)
})

test('a process that is gone has no mark', () => {
  assert.is(processTagOf(2 ** 22 + 1), undefined)
})

test.run()

/** What a server keeps of runs beyond its own end. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/index.ts'
import type { ExecClient } from '../../../src/client/index.ts'
import { startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('kept runs')

async function hashOf(client: ExecClient, run: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const entry of client.logs(run)) {
    assert.is(entry.type, 'output')
    if (entry.type === 'output') hash.update(entry.bytes)
  }
  return hash.digest('hex')
}

test('after a kill -9 and a restart, runs are listed with their output and exit code', async () => {
  const args = ['--log-dir', join(temporaryFolder(), 'runs')]
  const first = await startServer(args)
  const before = await connect(first.url, { recoveryTimeoutMs: 0 })
  await before.startDetached({ argv: ['sh', '-c', 'seq 300000; echo LAST; exit 7'], name: 'ended' })
  assert.is((await before.waitFor('ended', { until: 'close' })).exitCode, 7)
  await before.startDetached({ argv: ['sh', '-c', 'echo BEGUN; exec sleep 1000'], name: 'running' })
  // What is read from the files is in the files.
  const begun = hashOf(before, 'ended')
  for await (const entry of before.logs('running', { follow: true })) if (entry.type === 'output') break
  const whole = `${Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join('')}LAST\n`
  const expected = createHash('sha256').update(whole).digest('hex')
  assert.is(await begun, expected)
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  await before.close()
  const second = await startServer(args)
  await using after = await connect(second.url)
  const listed = await after.listProcesses()
  assert.equal(
    listed.map(({ name, state, exitCode }) => [name, state, exitCode]),
    [
      ['ended', 'closed', 7],
      ['running', 'closed', null],
    ],
  )
  assert.is(await hashOf(after, 'ended'), expected)
  assert.is(await hashOf(after, 'running'), createHash('sha256').update('BEGUN\n').digest('hex'))
  assert.is((await after.waitFor('ended')).exitCode, 7)
})

test.run()

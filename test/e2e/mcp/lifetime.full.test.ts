/** Cancellation, progress, and the end of `exec-server mcp`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import * as assert from 'uvu/assert'
import { suite } from '../../support/suite.ts'
import { dataOf, startAgent } from './mcp-client.ts'

const test = suite('mcp lifetime', { limitMs: 180_000 })

/** Resolves when `isTrue` is; the test's own limit ends it otherwise. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await sleep(20)
}

test('cancelling a call ends its command, and the run is gone', async () => {
  const { call, workspace } = await startAgent('--sandbox', 'full')
  const mark = join(workspace, 'pid')
  const cancel = new AbortController()
  const calling = call(
    'exec',
    { command: 'echo $$ > pid; exec sleep 1000', yield_time_ms: 600_000 },
    { signal: cancel.signal },
  )
  const outcome = calling.then(
    () => 'answered',
    () => 'cancelled',
  )
  await until(() => existsSync(mark) && readFileSync(mark, 'utf8').endsWith('\n'))
  const pid = Number(readFileSync(mark, 'utf8'))
  cancel.abort()
  assert.is(await outcome, 'cancelled')
  await until(() => !existsSync(`/proc/${pid}`))
  assert.equal(dataOf(await call('list_runs')), { runs: [] })
})

test('a long command reports progress to a client that asks for it', async () => {
  const { call, workspace } = await startAgent()
  const seen: number[] = []
  await call(
    'exec',
    { command: 'until [ -e go ]; do sleep 0.1; done', yield_time_ms: 600_000 },
    {
      onprogress: ({ progress }) => {
        seen.push(progress)
        if (seen.length === 2) writeFileSync(join(workspace, 'go'), '')
      },
    },
  )
  assert.equal(seen.slice(0, 2), [1, 2])
})

test('what runs ends with the client', async () => {
  const { call, client, workspace, pid } = await startAgent('--sandbox', 'full')
  await call('exec', { command: 'echo $$ > pid; exec sleep 1000', yield_time_ms: 0 })
  await until(() => existsSync(join(workspace, 'pid')) && readFileSync(join(workspace, 'pid'), 'utf8').endsWith('\n'))
  const command = Number(readFileSync(join(workspace, 'pid'), 'utf8'))
  await client.close()
  await until(() => !existsSync(`/proc/${pid}`) && !existsSync(`/proc/${command}`))
})

test.run()

/** What is bounded in memory, on a real server with a small bound. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../support/client.ts'
import { isDeno, startServer } from '../support/server.ts'
import { test } from '../support/suite.ts'

const MiB = 1024 * 1024

test('many short commands within the retention time do not fill memory: ended processes give up their output, oldest first', async () => {
  const server = await startServer(['--retained-mib', '16'])
  const client = await Client.connect(server.url)
  const resident = (): number =>
    Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'latin1'))?.[1]) * 1024
  const run = async (id: string): Promise<void> => {
    await client.start(id, ['/usr/bin/head', '-c', String(MiB), '/dev/zero'])
    await client.closed(id)
    client.notifications.length = 0
    client.messages.length = 0
  }
  for (let index = 0; index < 40; index++) await run(`warm-${index}`)
  const before = resident()
  for (let index = 0; index < 200; index++) await run(`p-${index}`)
  assert.ok(
    resident() - before < 64 * MiB,
    `${Math.round((resident() - before) / MiB)} MiB more after 200 MiB of output`,
  )

  const held = async (id: string): Promise<number> => {
    const { chunks, closed } = await client.request('process/read', { processId: id })
    assert.is(closed, true)
    return chunks.reduce((sum: number, { chunk }: { chunk: string }) => sum + Buffer.from(chunk, 'base64').length, 0)
  }
  assert.is(await held('p-199'), MiB)
  assert.is(await held('p-190'), MiB)
  assert.is(await held('p-100'), 0)
  await client.close()
  await server.stop()
})

test('forty large reads asked for at once are answered in bounded memory', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  const folder = mkdtempSync(join(tmpdir(), 'exec-server-large-'))
  const path = join(folder, 'file')
  writeFileSync(path, '')
  truncateSync(path, 30 * MiB)
  let [answers, bytes] = [0, 0]
  client.socket.removeAllListeners('message')
  client.socket.on('message', (data: Buffer) => {
    answers++
    bytes += data.length
  })
  const peak = (): number =>
    Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'latin1'))?.[1]) * 1024
  const before = peak()
  for (let id = 0; id < 40; id++) client.send(JSON.stringify({ id, method: 'fs/readFile', params: { path } }))
  while (answers < 40) await new Promise((resolve) => setTimeout(resolve, 50))
  const growth = peak() - before
  rmSync(folder, { recursive: true })
  await client.close()
  await server.stop()
  assert.ok(bytes > 40 * 40 * MiB)
  // Deno copies each write once more, slowly, and collects late.
  assert.ok(growth < (isDeno ? 1100 : 500) * MiB, `${Math.round(growth / MiB)} MiB at the most for 1.6 GB of answers`)
})

test.run()

/** What is bounded in memory, on a real server with a small bound. */
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { memory, readAtOnce } from '../../support/large-reads.ts'
import { startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const MiB = 1024 * 1024

// The long form takes minutes on a loaded machine.
const test = suite('bounds', { limitMs: 240_000 })

// ---- ended processes ----

async function startRetaining(retainedMib: number) {
  const server = await startServer(['--retained-mib', String(retainedMib)])
  const client = await Client.connect(server.url)
  return {
    server,
    /** A command with 1 MiB of output. */
    run: async (id: string): Promise<void> => {
      await client.start(id, ['/usr/bin/head', '-c', String(MiB), '/dev/zero'])
      await client.closed(id)
      client.notifications.length = 0
      client.messages.length = 0
    },
    /** How much of its output can still be read. */
    held: async (id: string): Promise<number> => {
      const { chunks, closed } = await client.request('process/read', { processId: id })
      client.messages.length = 0
      assert.is(closed, true)
      return chunks.reduce((sum: number, { chunk }: { chunk: string }) => sum + Buffer.byteLength(chunk, 'base64'), 0)
    },
    stop: async (): Promise<void> => {
      await client.close()
      await server.stop()
    },
  }
}

test('ended processes give up their output, oldest first, when all that is retained exceeds its bound', async () => {
  const most = 4
  const { run, held, stop } = await startRetaining(most)
  const ids = Array.from({ length: 3 * most }, (_, index) => `p-${index}`)
  for (const id of ids) await run(id)
  const sizes: number[] = []
  for (const id of ids) sizes.push(await held(id))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  assert.ok(total <= most * MiB && total > 0, `${total} bytes are retained`)
  // One may have given up a part.
  const oldest = sizes.findIndex((size) => size > 0)
  assert.ok(
    sizes.slice(oldest + 1).every((size) => size === MiB),
    sizes.join(' '),
  )
  assert.is(sizes.at(-1), MiB)
  await stop()
})

test.full('many short commands within the retention time do not fill memory', async () => {
  const { server, run, held, stop } = await startRetaining(16)
  for (let index = 0; index < 40; index++) await run(`warm-${index}`)
  const before = memory(server, 'RssAnon')
  for (let index = 0; index < 200; index++) await run(`p-${index}`)
  const growth = memory(server, 'RssAnon') - before
  assert.ok(growth < 64 * MiB, `${Math.round(growth / MiB)} MiB more after 200 MiB of output`)
  assert.is(await held('p-199'), MiB)
  assert.is(await held('p-190'), MiB)
  assert.is(await held('p-100'), 0)
  await stop()
})

// ---- pipelined reads ----

test('large reads asked for at once are all answered', async () => {
  const { bytes } = await readAtOnce(9, 3 * MiB)
  assert.ok(bytes > 9 * 4 * MiB, `${bytes} bytes`)
})

test.run()

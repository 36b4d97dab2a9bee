/** What a server that has nothing to do holds. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { memory } from '../../../scripts/bench/proc.ts'
import { Client } from '../../support/client.ts'
import { eventually, isDeno, startServer } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'

test('a heap that has grown with work becomes small again when no messages come', async () => {
  if (process.platform !== 'linux' || isDeno) skip('Deno returns nothing, and /proc is only on Linux')
  const server = await startServer()
  const pid = server.child.pid as number
  const client = await Client.connect(server.url)
  const params = { path: 'file:///' }
  for (let i = 0; i < 100; i++)
    await Promise.all(Array.from({ length: 100 }, () => client.request('fs/readDirectory', params)))
  client.messages.length = 0
  const grown = memory(pid).anonymous
  // 10 MiB for what has been compiled; from source that is more.
  await eventually(() => memory(pid).anonymous < grown - 8, 60_000, `less than ${grown} MiB`)
  assert.is((await client.request('fs/getMetadata', params)).error, undefined)
  await client.drop()
  await server.stop()
})

test.run()

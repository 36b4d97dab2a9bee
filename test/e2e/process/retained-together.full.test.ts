/** What all runs of a server together retain. A file of its own, since a thousand starts take a while. */
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { memory } from '../../support/large-reads.ts'
import { scrape } from '../../support/prometheus.ts'
import { startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const MiB = 1024 * 1024
const MOST_MIB = 16
const ENDED = 1000
const FLOODS = 50
const START = { cwd: '/', env: {}, tty: false }

/** A session has room for as many processes as it may run, ended ones included. */
const PER_SESSION = 100
/** More at once only wait for each other. */
const AT_ONCE = 8

const test = suite('retained together', { limitMs: 480_000 })

const start = (client: Client, processId: string, argv: readonly string[]): Promise<{ run: number }> =>
  client.request('process/start', { ...START, processId, argv, detached: {} })

async function endedRuns(url: string): Promise<void> {
  const client = await Client.connect(url)
  let left = PER_SESSION
  const lane = async (): Promise<void> => {
    while (left > 0) {
      const { run } = await start(client, `ended-${left--}`, ['/usr/bin/head', '-c', '65536', '/dev/zero'])
      await client.request('process/wait', { run, until: 'close' })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  await client.close()
}

test('a thousand ended runs and fifty that flood stay within --retained-mib', async () => {
  const server = await startServer(['--retained-mib', String(MOST_MIB)])
  const tell = async (name: string): Promise<number> => (await scrape(server.url))(`exec_server_${name}`)
  for (let count = 0; count < ENDED; count += PER_SESSION) await endedRuns(server.url)
  assert.is(await tell('process_output_read_bytes_total'), ENDED * 65536)
  const before = memory(server, 'RssAnon')

  const client = await Client.connect(server.url)
  await Promise.all(
    Array.from({ length: FLOODS }, (_, index) => start(client, `flood-${index}`, ['/usr/bin/yes', 'flood'])),
  )
  const flooded = 20 * MOST_MIB * MiB
  const enough = (await tell('process_output_read_bytes_total')) + flooded
  while ((await tell('process_output_read_bytes_total')) < enough) {
    const retained = await tell('retained_output_bytes')
    assert.ok(retained > 0 && retained <= MOST_MIB * MiB, `${retained} bytes are retained`)
  }
  const growth = memory(server, 'RssAnon') - before
  assert.ok(growth < flooded / 2, `${Math.round(growth / MiB)} MiB more after ${flooded / MiB} MiB`)

  const { processes } = await client.request('process/list', {})
  const inState = (wanted: string): number =>
    processes.filter(({ state }: { state: string }) => state === wanted).length
  assert.equal([inState('running'), inState('closed')], [FLOODS, ENDED])
  await client.close()
  await server.stop()
})

test.run()

import * as assert from 'uvu/assert'
import { CloseCode } from '../../../src/core/base/transport.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

test('a shutdown kills every process, detached ones too, answers who waits, and closes', async () => {
  const { server, host, clock } = fakeServer()
  const [here, gone, silent] = [
    await MemoryClient.ready(server),
    await MemoryClient.ready(server),
    new MemoryClient(server),
  ]
  await here.start('p')
  await gone.start('p')
  gone.drop()
  const read = here.begin('process/read', { processId: 'p', waitMs: 1e9 })
  await settled()
  server.shutdown()
  await settled()
  assert.equal(
    host.children.map(({ kills }) => kills),
    [1, 1],
  )
  assert.is(here.answer(read)?.error?.code, ErrorCode.InvalidRequest)
  for (const client of [here, silent]) assert.is(client.transport.closed?.code, CloseCode.GoingAway)
  assert.is(gone.transport.closed, undefined)
  clock.advance(1_000_000)
  assert.equal(host.faults, [])
})

test('connections are independent of each other', async () => {
  const { server, host, clock } = fakeServer()
  const [one, other] = [await MemoryClient.ready(server), await MemoryClient.ready(server)]
  assert.is.not(one.sessionId, other.sessionId)
  await one.start('p')
  await other.start('p')
  host.children[0]?.output('stdout', 'one')
  host.children[1]?.output('stdout', 'other')
  clock.turn()
  await settled()
  assert.equal([one.output('p'), other.output('p')], ['one', 'other'])
  one.say({ method: 'nonsense' })
  await settled()
  assert.ok(one.transport.closed)
  assert.ok((await other.ask('environment/status')).result)
})

test('all processes share one bound on what is retained', async () => {
  const { server, host, clock } = fakeServer({ retainedTotal: 100_000, chunkOverhead: 0 })
  const clients = [await MemoryClient.ready(server), await MemoryClient.ready(server)]
  let held = 0
  for (const client of clients) {
    await client.start('p')
    for (let count = 0; count < 4; count++) {
      host.child.output('stdout', new Uint8Array(20_000))
      clock.turn()
      await settled()
    }
  }
  for (const client of clients) {
    const { result } = await client.ask('process/read', { processId: 'p' })
    held += result.chunks.length * 20_000
    assert.is(result.nextSeq, 5)
  }
  assert.ok(held <= 100_000 && held >= 80_000, String(held))
})

test.run()

import * as assert from 'uvu/assert'
import { EventLog } from '../../../src/mcp/http/event-log.ts'
import { EVENT_OVERHEAD } from '../../../src/mcp/limits.ts'
import { test } from '../../support/suite.ts'

type Message = Parameters<EventLog['storeEvent']>[1]

const message = (id: number): Message => ({ jsonrpc: '2.0', id, result: {} })

async function replayed(log: EventLog, lastId: string): Promise<unknown[]> {
  const sent: unknown[] = []
  await log.replayEventsAfter(lastId, {
    send: async (_, message) => void sent.push('id' in message ? message.id : message),
  })
  return sent
}

test('what followed on the same stream is sent again, in order', async () => {
  const log = new EventLog()
  const ids: string[] = []
  for (let count = 0; count < 6; count++) ids.push(await log.storeEvent(count % 2 === 0 ? 'a' : 'b', message(count)))
  assert.is(await log.replayEventsAfter(ids[1] as string, { send: async () => {} }), 'b')
  assert.equal(await replayed(log, ids[0] as string), [2, 4])
  assert.equal(await replayed(log, ids[5] as string), [])
})

test('the event with which a stream begins is none to send', async () => {
  const log = new EventLog()
  const first = await log.storeEvent('a', message(1))
  await log.storeEvent('a', {} as Message)
  await log.storeEvent('a', message(2))
  assert.equal(await replayed(log, first), [2])
})

test('beyond its bytes the oldest events are dropped, and it says so', async () => {
  const log = new EventLog(3 * (EVENT_OVERHEAD + 50))
  const first = await log.storeEvent('a', message(1))
  for (let count = 2; count < 10; count++) await log.storeEvent('a', message(count))
  const reason = await replayed(log, first).catch(String)
  assert.match(String(reason), /event 1 is not kept any more/)
})

test.run()

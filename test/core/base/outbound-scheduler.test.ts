import * as assert from 'uvu/assert'
import { OutboundScheduler } from '../../../src/core/base/outbound-scheduler.ts'
import { notice } from '../../../src/core/base/json-fragments.ts'
import type { Notice } from '../../../src/core/base/json-fragments.ts'
import type { EventSource, NoticeSink } from '../../../src/core/base/outbound-scheduler.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryTransport } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

/** Events under a name, as the scheduler sees a process. */
const source = (...events: string[]): EventSource & { left: string[] } => ({
  left: events,
  takeEvent: () => {
    const event = events.shift()
    return event === undefined ? undefined : notice(event, {})
  },
})

/** Sends the names of the events on a transport. */
const sinkOf = (transport: MemoryTransport): NoticeSink => ({
  queued: () => transport.queued(),
  notify: ({ method }: Notice) => transport.send(method),
})

test('each process sends one event in turn', async () => {
  const transport = new MemoryTransport()
  const scheduler = new OutboundScheduler(sinkOf(transport), 1000)
  for (const process of [source('a1', 'a2', 'a3'), source('b1'), source('c1', 'c2')]) scheduler.eventsReady(process)
  await settled()
  assert.equal(transport.messages, ['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
})

test('nothing goes out in the very step in which it is announced', async () => {
  const transport = new MemoryTransport()
  const scheduler = new OutboundScheduler(sinkOf(transport), 1000)
  scheduler.eventsReady(source('a'))
  assert.equal(transport.messages, [])
  await settled()
  assert.equal(transport.messages, ['a'])
})

test('above the bound events wait, and go on where they stopped when the transport drains', async () => {
  const transport = new MemoryTransport()
  const scheduler = new OutboundScheduler(sinkOf(transport), 4)
  transport.slow = true
  const processes = [source('a1', 'a2', 'a3'), source('b1', 'b2', 'b3')]
  for (const process of processes) scheduler.eventsReady(process)
  await settled()
  assert.equal(transport.messages, ['a1', 'b1'])
  scheduler.flush()
  assert.is(transport.messages.length, 2)
  for (const process of processes) scheduler.eventsReady(process)
  await settled()
  assert.is(transport.messages.length, 2)
  for (let round = 0; round < 3; round++) {
    transport.drain()
    scheduler.flush()
  }
  assert.equal(transport.messages, ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'])
  // Less than the bound, and one event on top.
  assert.ok(transport.mostQueued < 4 + 2)
})

test('a flood does not keep a newcomer waiting for more than one event each', async () => {
  const transport = new MemoryTransport()
  const scheduler = new OutboundScheduler(sinkOf(transport), 2)
  transport.slow = true
  scheduler.eventsReady(source(...Array.from({ length: 100 }, () => 'f')))
  await settled()
  scheduler.eventsReady(source('n'))
  await settled()
  transport.drain()
  scheduler.flush()
  assert.ok(transport.messages.slice(2, 5).includes('n'), transport.messages.join(''))
})

test('after stop nothing goes out, whatever is announced', async () => {
  const transport = new MemoryTransport()
  const scheduler = new OutboundScheduler(sinkOf(transport), 1000)
  scheduler.eventsReady(source('a'))
  scheduler.stop()
  scheduler.eventsReady(source('b'))
  await settled()
  scheduler.flush()
  assert.equal(transport.messages, [])
})

test.run()

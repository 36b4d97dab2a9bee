/** The way of a process's events to its listener and to the reads that wait. */
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { silentObserver } from '../../../src/core/base/observer.ts'
import { OutputLog } from '../../../src/core/output/output-log.ts'
import { ProcessEvents } from '../../../src/core/process/process-events.ts'
import { RetainedBudget } from '../../../src/core/output/retained-budget.ts'
import { ManualClock } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

function setup(outputWindow?: number) {
  const clock = new ManualClock()
  const limits = { ...defaultLimits, unsentPerProcess: 10 }
  const { totals } = silentObserver()
  const options = { clock, limits, budget: new RetainedBudget(1e9), totals, outputWindow }
  const log = new OutputLog('p', options, () => events.notify())
  const pauses: boolean[] = []
  const events = new ProcessEvents(log, (isPaused) => pauses.push(isPaused))
  const heard = { count: 0 }
  const listener = {
    eventsReady: (source: unknown) => {
      assert.is(source, events)
      heard.count++
    },
  }
  const write = (size: number): void => {
    log.append('stdout', new Uint8Array(size))
    log.seal()
    events.balance()
  }
  const take = (): number => {
    let taken = 0
    while (events.takeEvent() !== undefined) taken++
    return taken
  }
  return { log, events, pauses, heard, listener, write, take }
}

test('events before the announcement wait for it, and hold the child back', () => {
  const { events, pauses, heard, listener, write, take } = setup()
  write(11)
  assert.equal(pauses, [true])
  events.announce(listener)
  assert.is(heard.count, 1)
  assert.is(take(), 1)
  assert.equal(pauses, [true, false])
})

test('without a listener, events are skipped and hold nothing back', () => {
  const { events, pauses, write, take } = setup()
  write(11)
  events.announce(undefined)
  assert.equal(pauses, [true, false])
  write(100)
  assert.is(take(), 0)
  assert.equal(pauses, [true, false])
})

test('a listener hears of each event after it has attached, until it is gone', () => {
  const { log, events, heard, listener, write, take } = setup()
  events.announce(undefined)
  write(1)
  log.append('stdout', new Uint8Array(1))
  events.attach(listener)
  assert.equal([heard.count, take()], [0, 0], 'what came before is for reads')
  write(1)
  assert.equal([heard.count, take()], [1, 1])
  events.detach()
  write(1)
  assert.equal([heard.count, take()], [1, 0])
})

test('the child is paused and resumed once each time', () => {
  const { events, pauses, listener, write } = setup()
  events.announce(listener)
  for (let count = 0; count < 4; count++) write(6)
  assert.equal([pauses, events.isPaused], [[true], true])
  for (let count = 0; count < 4; count++) events.takeEvent()
  assert.equal([pauses, events.isPaused], [[true, false], false])
  write(11)
  events.detach()
  assert.equal(pauses, [true, false, true, false])
})

test('an acknowledgement resumes a child that its window holds back', () => {
  const { events, pauses, write } = setup(5)
  events.announce(undefined)
  write(6)
  assert.equal(pauses, [true])
  events.acknowledge(1)
  assert.equal(pauses, [true, false])
})

test('events are delivered once the process has closed and the last one was taken', () => {
  const { log, events, listener, write } = setup()
  events.announce(listener)
  write(1)
  events.takeEvent()
  assert.not(events.areDelivered, 'all was sent, but it goes on')
  log.addExit(0, false)
  log.addClose()
  events.takeEvent()
  assert.not(events.areDelivered)
  events.takeEvent()
  assert.ok(events.areDelivered)
})

test('what a listener has not taken when it goes counts as sent, and the next one does not get it', () => {
  const { log, events, listener, write, take } = setup()
  events.announce(listener)
  write(1)
  log.addExit(0, false)
  log.addClose()
  events.detach()
  assert.ok(events.areDelivered)

  const replaced = setup()
  replaced.events.announce(replaced.listener)
  replaced.write(1)
  replaced.events.attach(replaced.listener)
  assert.equal([take(), replaced.take()], [0, 0])
})

test('a pending read is woken by each event until it is cancelled, and by the end', () => {
  const { log, events, write } = setup()
  const woken: string[] = []
  log.append('stdout', new Uint8Array(1))
  const cancel = events.watch(() => woken.push('one'))
  assert.ok(events.hasNewsAfter(0), 'it has made a chunk of what was there')
  assert.equal(woken, [])
  events.watch(() => woken.push('other'))
  write(1)
  cancel()
  write(1)
  events.dispose()
  assert.equal(woken, ['one', 'other', 'other', 'other'])
})

test('after its end no listener hears of anything', () => {
  const { events, heard, listener, write } = setup()
  events.announce(listener)
  events.dispose()
  heard.count = 0
  write(1)
  assert.is(heard.count, 0)
})

test.run()

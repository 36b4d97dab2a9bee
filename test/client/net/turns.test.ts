import * as assert from 'uvu/assert'
import { Turns } from '../../../src/client/net/turns.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { test } from '../../support/suite.ts'

test('so many run at a time, and the others follow in order, also after a failure', async () => {
  const turns = new Turns(2)
  const ends: (() => void)[] = []
  const order: string[] = []
  const run = (name: string) =>
    turns.run(undefined, async () => {
      order.push(name)
      await new Promise<void>((resolve) => ends.push(resolve))
      if (name === 'a') throw new Error(name)
    })
  const all = ['a', 'b', 'c', 'd'].map(run)
  all[0]?.catch(() => {})
  await settled()
  assert.equal(order, ['a', 'b'])
  ends[0]?.()
  await settled()
  assert.equal(order, ['a', 'b', 'c'])
  for (let index = 1; index < 4; index++) {
    ends[index]?.()
    await settled()
  }
  await Promise.allSettled(all)
  assert.equal(order, ['a', 'b', 'c', 'd'])
})

test('work that is given up while it waits does not run, and takes no turn', async () => {
  const turns = new Turns(1)
  let end = (): void => {}
  const first = turns.run(undefined, () => new Promise<void>((resolve) => (end = resolve)))
  const controller = new AbortController()
  const given = turns.run(controller.signal, async () => assert.unreachable())
  const last = turns.run(undefined, async () => 'last')
  controller.abort(new Error('given up'))
  await given.then(
    () => assert.unreachable(),
    (error) => assert.is(error.message, 'given up'),
  )
  end()
  await first
  assert.is(await last, 'last')
})

test.run()

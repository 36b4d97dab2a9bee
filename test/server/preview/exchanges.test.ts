/** How much previews may have under way. */
import * as assert from 'uvu/assert'
import { Exchanges } from '../../../src/server/preview/exchanges.ts'
import { test } from '../../support/suite.ts'

const nothing = (): (() => void) => () => {}

test('the requests of one port leave room for those of others, up to a total', () => {
  const exchanges = new Exchanges({ total: 3, perPort: 2 })
  const [first, second] = [exchanges.begin(1, nothing()), exchanges.begin(1, nothing())]
  assert.is(exchanges.begin(1, nothing()), undefined)
  const third = exchanges.begin(2, nothing())
  assert.is(exchanges.begin(3, nothing()), undefined)
  first?.()
  first?.()
  assert.is(exchanges.size, 2)
  assert.ok(exchanges.begin(1, nothing()))
  second?.()
  third?.()
  assert.is(exchanges.size, 1)
})

test('all that are under way can be ended', () => {
  const exchanges = new Exchanges({ total: 10, perPort: 10 })
  const ended: number[] = []
  for (const port of [1, 1, 2]) {
    const done = exchanges.begin(port, () => {
      ended.push(port)
      done?.()
    })
  }
  exchanges.endAll()
  assert.equal(ended, [1, 1, 2])
  assert.is(exchanges.size, 0)
})

test.run()

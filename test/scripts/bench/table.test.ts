import * as assert from 'uvu/assert'
import { resultOf, table } from '../../../scripts/bench/table.ts'
import type { Goal } from '../../../scripts/bench/measure.ts'
import { test } from '../../support/suite.ts'

const judged = (goal: Goal | undefined, ours: number, reference: number | undefined) => {
  const line = { measure: 'm', label: 'row', unit: 'ms', ours, reference, ...(goal === undefined ? {} : { goal }) }
  const { ratio, goal: text, met } = resultOf(line)
  return [ratio, text, met]
}

test('a row is judged by its ratio to the reference, or by our value alone', () => {
  assert.equal(judged({ ratioMax: 0.5 }, 4, 8), [0.5, '<= 0.5', true])
  assert.equal(judged({ ratioMax: 0.5 }, 5, 8), [0.625, '<= 0.5', false])
  assert.equal(judged({ ratioMin: 2 }, 8, 4), [2, '>= 2', true])
  assert.equal(judged({ ratioMin: 2 }, 7, 4), [1.75, '>= 2', false])
  assert.equal(judged({ oursMax: 10 }, 11, 5), [2.2, 'ours <= 10', false])
  assert.equal(judged(undefined, 1, 2), [0.5, null, null])
})

test('without a reference only our own value is judged', () => {
  assert.equal(judged({ ratioMax: 0.5 }, 4, undefined), [null, '<= 0.5', null])
  assert.equal(judged({ oursMax: 10 }, 9, undefined), [null, 'ours <= 10', true])
})

test('the table has a line for each row, and says which goals were met', () => {
  const text = table([
    resultOf({ measure: 'm', label: 'fast', unit: 'ms', ours: 1, reference: 4, node: 0.5, goal: { ratioMax: 0.5 } }),
    resultOf({ measure: 'm', label: 'slow', unit: 'ms', ours: 123.4, reference: 4, goal: { ratioMax: 0.5 } }),
    resultOf({ measure: 'm', label: 'other', unit: '1/s', ours: 12.34, reference: undefined }),
  ])
  assert.equal(
    text.split('\n').map((line) => line.split(/ {2,}/).join('|')),
    [
      'measure|unit|ours|reference|Node|ratio|goal|met',
      'fast|ms|1.00|4.00|0.50|0.25|<= 0.5|yes',
      'slow|ms|123|4.00|30.85|<= 0.5|no',
      'other|1/s|12.3',
    ],
  )
})

test.run()

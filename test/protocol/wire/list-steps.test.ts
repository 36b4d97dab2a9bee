import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { encodeSteps } from '../../../src/protocol/wire/list-steps.ts'
import type { ListText } from '../../../src/protocol/wire/list-steps.ts'
import { finish } from '../../../src/protocol/wire/steps.ts'
import { test } from '../../support/suite.ts'

const textOf = ({ head, elements, tail }: ListText): string => head + elements.join('') + tail

fc.configureGlobal({ includeErrorInReport: true })

test('a result with a long list becomes the same text as in one go, in a step for each thousand elements', () => {
  const json = fc.jsonValue({ maxDepth: 1 })
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), json),
      json,
      fc.integer({ min: 1025, max: 5000 }),
      (rest, element, length) => {
        const result = { ...rest, list: Array(length).fill(element), last: undefined }
        const steps = encodeSteps(result)
        assert.ok(steps)
        let count = 0
        for (;;) {
          const step = steps.next()
          if (step.done === true) {
            assert.equal(JSON.parse(textOf(step.value)), JSON.parse(JSON.stringify(result)))
            assert.match(textOf(step.value), /^[\0-\x7f]*$/)
            break
          }
          count++
        }
        assert.is(count, Math.ceil(length / 1024))
      },
    ),
    { numRuns: 20 },
  )
})

test('of two long lists one is encoded in steps, and both are there', () => {
  const result = { one: Array(2000).fill('é'), other: Array(3000).fill({ a: '\ud800' }) }
  const steps = encodeSteps(result)
  assert.ok(steps)
  assert.is(textOf(finish(steps)), JSON.stringify(result).replaceAll('é', '\\u00e9'))
})

test('other results are encoded in one go', () => {
  for (const result of [{}, { list: [] }, { list: Array(1024).fill(0) }, { text: 'x'.repeat(5000) }])
    assert.is(encodeSteps(result), undefined)
})

test.run()

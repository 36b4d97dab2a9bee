import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { FlowWindow } from '../../../src/core/base/flow-window.ts'
import { test } from '../../support/suite.ts'

fc.configureGlobal({ includeErrorInReport: true })

test('a window is full above its bytes, not at them, and open again once enough is acknowledged', () => {
  const window = new FlowWindow(10, 100)
  window.charge(10)
  assert.not(window.isFull())
  window.charge(1)
  assert.ok(window.isFull())
  window.acknowledge(10)
  assert.not(window.isFull())
  assert.equal([window.bytes, window.parts], [1, 1])
})

test('a window is full above its number of parts, however small they are', () => {
  const window = new FlowWindow(1e9, 2)
  for (let part = 0; part < 2; part++) window.charge(0)
  assert.not(window.isFull())
  window.charge(0)
  assert.ok(window.isFull())
  window.acknowledge(0)
  assert.not(window.isFull())
})

test('pending bytes count as bytes and not as a part', () => {
  const window = new FlowWindow(10, 1)
  window.charge(4)
  assert.not(window.isFull(6))
  assert.ok(window.isFull(7))
  assert.equal([window.bytes, window.parts], [4, 1])
})

test('a share shrinks both bounds', () => {
  const window = new FlowWindow(10, 4)
  window.charge(5)
  assert.not(window.isFull(0, 0.5))
  assert.ok(window.isFull(1, 0.5))
  window.charge(0)
  assert.not(window.isFull(0, 0.5))
  window.charge(0)
  assert.ok(window.isFull(0, 0.5))
  assert.not(window.isFull())
})

test('whatever is charged and acknowledged, the window counts what is outstanding', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.record({ charge: fc.nat(20) }), fc.constant('acknowledge' as const))),
      fc.nat(60),
      fc.nat(6),
      (steps, maxBytes, maxParts) => {
        const window = new FlowWindow(maxBytes, maxParts)
        const outstanding: number[] = []
        for (const step of steps) {
          if (step !== 'acknowledge') {
            window.charge(step.charge)
            outstanding.push(step.charge)
          } else if (outstanding.length > 0) window.acknowledge(outstanding.shift() as number)
          const bytes = outstanding.reduce((sum, length) => sum + length, 0)
          assert.equal([window.bytes, window.parts], [bytes, outstanding.length])
          assert.is(window.isFull(), bytes > maxBytes || outstanding.length > maxParts)
        }
      },
    ),
  )
})

test.run()

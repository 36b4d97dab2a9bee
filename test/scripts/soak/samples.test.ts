import * as assert from 'uvu/assert'
import { slope, slopeBeside } from '../../../scripts/soak/samples.ts'
import { test } from '../../support/suite.ts'

/** An hour of samples: `leak` descriptors an hour are lost; there are 40, and 3 more for each running process. */
function hourOf(leak: number, processesAt: (hours: number) => number): [number, number, number][] {
  return Array.from({ length: 360 }, (_, index) => {
    const hours = index / 360
    const processes = processesAt(hours)
    return [hours, 40 + 3 * processes + leak * hours, processes]
  })
}

const busier = (hours: number): number => Math.round(8 + 12 * hours + 5 * Math.sin(hours * 90))

test('descriptors of more running processes are no leak', () => {
  const points = hourOf(0, busier)
  assert.ok(slope(points.map(([hours, fds]) => [hours, fds])) > 30)
  assert.ok(Math.abs(slopeBeside(points)) < 1e-6)
})

test('a leak shows at its true rate, whatever the number of processes does', () => {
  for (const processesAt of [
    busier,
    (hours: number) => Math.round(25 - 20 * hours + 4 * Math.cos(hours * 70)),
    () => 7,
  ])
    assert.ok(Math.abs(slopeBeside(hourOf(10, processesAt)) - 10) < 1e-6)
})

test.run()

import * as assert from 'uvu/assert'
import { progressLine } from '../../../../src/cli/devbox/cp/progress.ts'
import { test } from '../../../support/suite.ts'

const standing = { name: 'file', size: 0, done: 0, total: 0, rate: 0 }

test('it shows how much of the file there is, of all together, and how fast it goes', () => {
  assert.is(
    progressLine({ name: 'data.bin', size: 2000, done: 500, total: 1_234_567, rate: 45_600_000 }, 80),
    'data.bin   25%    1.23 MB  45.6 MB/s',
  )
})

test('of a size that is not known there is no percentage, and none is above 100', () => {
  assert.not.match(progressLine(standing, 80), /%/)
  assert.match(progressLine({ ...standing, size: 10, done: 20 }, 80), / 100% /)
})

test('figures change their unit before they get long', () => {
  const amounts = [0, 999, 1000, 999_499, 999_500, 999_999_999, 5e15].map(
    (total) => progressLine({ ...standing, total }, 80).match(/([\d.]+ \w+) {2}[\d.]+ B\/s$/)?.[1],
  )
  assert.equal(amounts, ['0 B', '999 B', '1.00 kB', '999 kB', '1.00 MB', '1.00 GB', '5000 TB'])
})

test('a line fits the terminal: of a long name the end is shown', () => {
  for (const width of [40, 60, 80]) {
    const line = progressLine({ ...standing, name: `${'x'.repeat(100)}.end`, size: 10, done: 5 }, width)
    assert.ok(line.length < width, line)
    assert.match(line, /^…x*\.end /)
  }
})

test('a name cannot move the cursor', () => {
  assert.not.match(progressLine({ ...standing, name: '\x1b[2J' }, 80), /\x1b/)
})

test.run()

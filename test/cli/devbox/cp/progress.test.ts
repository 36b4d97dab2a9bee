import * as assert from 'uvu/assert'
import { progressLine } from '../../../../src/cli/devbox/cp/progress.ts'
import type { ProgressState } from '../../../../src/cli/devbox/cp/progress.ts'
import { test } from '../../../support/suite.ts'

const standing: ProgressState = { name: 'file', files: 1, bytes: 0, rate: 0, all: undefined }
const all = { files: 1, bytes: 5_000_000, isComplete: true }

test('it shows how much has been copied, of what there is, how fast, and how long the rest takes', () => {
  assert.is(
    progressLine({ ...standing, name: 'data.bin', bytes: 1_234_567, rate: 45_600, all }, 80),
    'data.bin   24%  1.23 MB of 5.00 MB  45.6 kB/s  1:23 left',
  )
})

test('of several files their number is shown', () => {
  const many = { ...all, files: 3000 }
  assert.match(progressLine({ ...standing, files: 12, bytes: 1, rate: 10, all: many }, 80), / {2}12\/3000 files {2}/)
})

test('of a size that is not known there is neither a percentage nor a time, and none is above 100', () => {
  assert.not.match(progressLine({ ...standing, rate: 10 }, 80), /%|left/)
  assert.match(progressLine({ ...standing, bytes: 6_000_000, rate: 10, all }, 80), / 100% .*\d B\/s$/)
})

test('hours are shown with minutes and seconds, and what takes longer than days is not guessed', () => {
  const left = (rate: number): string =>
    progressLine({ ...standing, rate, all: { ...all, bytes: 36_610_000 } }, 80).replace(/^.*\/s/, '')
  assert.equal([left(10_000), left(1_000_000), left(1)], ['  1:01:01 left', '  0:37 left', ''])
})

test('figures change their unit before they get long', () => {
  const amounts = [0, 999, 1000, 999_499, 999_500, 999_999_999, 5e15].map(
    (total) => progressLine({ ...standing, bytes: total }, 80).match(/([\d.]+ \w+) {2}[\d.]+ B\/s$/)?.[1],
  )
  assert.equal(amounts, ['0 B', '999 B', '1.00 kB', '999 kB', '1.00 MB', '1.00 GB', '5000 TB'])
})

test('a line fits the terminal: of a long name the end is shown', () => {
  for (const width of [40, 60, 80]) {
    const line = progressLine({ ...standing, name: `${'x'.repeat(100)}.end`, bytes: 5, all }, width)
    assert.ok(line.length < width, line)
    assert.match(line, /^…x*\.end /)
  }
})

test('a name cannot move the cursor', () => {
  assert.not.match(progressLine({ ...standing, name: '\x1b[2J' }, 80), /\x1b/)
})

test.run()

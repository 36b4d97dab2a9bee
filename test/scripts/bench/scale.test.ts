/** What the curves of `npm run bench -- --scale` say. */
import * as assert from 'uvu/assert'
import type { Curve, Kind, Point } from '../../../scripts/bench/scale/curve.ts'
import { firstBreach } from '../../../scripts/bench/scale/judge.ts'
import { curvePlot, curveTable } from '../../../scripts/bench/scale/report.ts'
import { curvesAsSvg } from '../../../scripts/bench/scale/svg.ts'
import { test } from '../../support/suite.ts'

const along = (...pairs: [number, number][]): Point[] => pairs.map(([x, value]) => ({ x, values: [value] }))

const rows: [title: string, kind: Kind, points: Point[], breach: number | undefined][] = [
  ['a time may grow in proportion', 'time', along([10, 2], [100, 20], [1000, 210]), undefined],
  ['a time may not grow by the square', 'time', along([10, 2], [100, 20], [1000, 2000]), 1000],
  ['a time below a millisecond is noise', 'time', along([100, 0.01], [110, 0.9]), undefined],
  ['what each costs may not grow', 'each', along([100, 40], [1000, 41], [10_000, 80]), 10_000],
  ['a rate may not fall', 'rate', along([0, 200], [100, 190], [1000, 90]), 1000],
  ['a rate may rise', 'rate', along([1, 200], [100, 4000]), undefined],
  ['others may not wait longer than the limit', 'others', along([1, 2], [10, 25], [100, 3]), 10],
]

for (const [title, kind, points, breach] of rows) test(title, () => assert.is(firstBreach(kind, points, 0), breach))

const curve: Curve = {
  name: 'starts',
  x: 'running & ended',
  series: [
    { label: 'starts', unit: '1/s', kind: 'rate' },
    { label: 'p99', unit: 'ms', kind: 'time' },
  ],
  async *points() {},
}
const points: Point[] = [
  { x: 0, values: [300, 2] },
  { x: 1000, values: [100, 3] },
]

test('the table has a column for each point, and says where a series does what it may not', () => {
  const [head = '', starts = '', p99 = ''] = curveTable({ curve, points }).split('\n')
  assert.match(head, /^running & ended +unit +0 +1,000 +allowed +met$/)
  assert.match(starts, /^starts +1\/s +300 +100 +does not fall +no, at 1,000$/)
  assert.match(p99, /^p99 +ms +2\.00 +3\.00 +in proportion to x at most +yes$/)
})

test('there is a plot of each series, with its values at the axis', () => {
  const text = curvePlot({ curve, points })
  assert.match(text, /starts \(1\/s\) by running & ended[^]+300┤[^]+100┤[^]+p99 \(ms\)[^]+3\.00┤[^]+2\.00┤/)
})

test('the picture has a line for each series, and escapes what is written in it', () => {
  const svg = curvesAsSvg([{ curve, points }], '2 × <CPU>')
  assert.is(svg.match(/stroke="#1f6feb"/g)?.length, 2)
  assert.match(svg, />running &amp; ended</)
  assert.match(svg, /2 × &lt;CPU>/)
  assert.not.match(svg, /NaN|undefined/)
})

test.run()

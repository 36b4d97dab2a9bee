/** Curves as text: a table, and a plot for the terminal. */
import plot from 'simple-ascii-chart'
import { aligned, number } from '../table.ts'
import type { Curve, Point } from './curve.ts'
import { firstBreach, OTHERS_MS } from './judge.ts'

export type Measured = { curve: Curve; points: readonly Point[] }

const ALLOWED = {
  time: 'in proportion to x at most',
  each: 'stays as it is',
  rate: 'does not fall',
  others: `below ${OTHERS_MS} ms`,
}

/** A column for each x, a line for each series, with what it may do and whether it does. */
export function curveTable({ curve, points }: Measured): string {
  const head = [curve.x, 'unit', ...points.map(({ x }) => x.toLocaleString('en')), 'allowed', 'met']
  const lines = curve.series.map(({ label, unit, kind }, column) => {
    const breach = firstBreach(kind, points, column)
    const met = breach === undefined ? 'yes' : `no, at ${breach.toLocaleString('en')}`
    return [label, unit, ...points.map(({ values }) => number(values[column] as number)), ALLOWED[kind], met]
  })
  return aligned([head, ...lines], (column) => column >= 2 && column < 2 + points.length)
}

/** Both axes are logarithmic. */
export function curvePlot({ curve, points }: Measured): string {
  return curve.series
    .map(({ label, unit }, column) => {
      const line = points.map(({ x, values }) => [log(x), log(values[column] as number)] as [number, number])
      return plot(line, {
        width: 60,
        height: 10,
        title: `${label} (${unit}) by ${curve.x}`,
        formatter: (value) => number(10 ** value).trim(),
      })
    })
    .join('\n')
}

/** Zero has no logarithm: it is drawn where the smallest value is. */
const log = (value: number): number => Math.log10(Math.max(value, 0.01))

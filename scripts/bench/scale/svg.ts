/** Curves as a picture. */
import { scaleLog } from 'd3-scale'
import { line } from 'd3-shape'
import type { Point } from './curve.ts'
import type { Measured } from './report.ts'

const WIDTH = 420
const HEIGHT = 260
const COLUMNS = 2
/** Left for the labels: top, right, bottom, left. */
const [TOP, RIGHT, BOTTOM, LEFT] = [40, 20, 40, 60]

/** One chart for each series, on logarithmic axes. `machine` is written below them. */
export function curvesAsSvg(measured: readonly Measured[], machine: string): string {
  const charts = measured.flatMap(({ curve, points }) =>
    curve.series.map(({ label, unit }, column) => chart(`${label} (${unit})`, curve.x, points, column)),
  )
  const placed = charts.map((text, index) => {
    const [x, y] = [(index % COLUMNS) * WIDTH, Math.floor(index / COLUMNS) * HEIGHT]
    return `<g transform="translate(${x},${y})">${text}</g>`
  })
  const height = Math.ceil(charts.length / COLUMNS) * HEIGHT + 30
  const width = COLUMNS * WIDTH
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...placed,
    `<text x="${LEFT}" y="${height - 10}" fill="#555">${escaped(machine)}</text>`,
    '</svg>\n',
  ].join('\n')
}

function chart(title: string, xLabel: string, points: readonly Point[], column: number): string {
  const at = points.map(({ x, values }): [number, number] => [
    Math.max(x, 1),
    Math.max(values[column] as number, 0.001),
  ])
  const [xs, ys] = [at.map(([x]) => x), at.map(([, y]) => y)]
  const x = scaleLog([Math.min(...xs), Math.max(...xs)], [LEFT, WIDTH - RIGHT])
  const y = scaleLog([Math.min(...ys), Math.max(...ys)], [HEIGHT - BOTTOM, TOP]).nice()
  const path = line<[number, number]>(
    ([value]) => x(value),
    ([, value]) => y(value),
  )(at)
  const powers = y.ticks().filter((tick) => Number.isInteger(Math.log10(tick)))
  return [
    `<text x="${LEFT}" y="20" font-weight="bold">${escaped(title)}</text>`,
    ...powers.map(
      (tick) =>
        `<path d="M${LEFT},${y(tick)}H${WIDTH - RIGHT}" stroke="#ddd"/>` +
        `<text x="${LEFT - 6}" y="${y(tick) + 4}" text-anchor="end">${tick.toLocaleString('en')}</text>`,
    ),
    ...xs.map(
      (tick) =>
        `<text x="${x(tick)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
    ),
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle" fill="#555">${escaped(xLabel)}</text>`,
    `<path d="${path}" fill="none" stroke="#1f6feb" stroke-width="2"/>`,
    ...at.map(([cx, cy]) => `<circle cx="${x(cx)}" cy="${y(cy)}" r="3" fill="#1f6feb"/>`),
  ].join('')
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

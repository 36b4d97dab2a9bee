/** Measures our server while one quantity after the other grows, and prints what it finds. */
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import process from 'node:process'
import { number } from '../table.ts'
import type { Subject } from '../servers.ts'
import { connectionCurves } from './connections.ts'
import { measureCurve } from './curve.ts'
import type { Curve } from './curve.ts'
import { processCurves } from './processes.ts'
import { readCurves } from './reads.ts'
import { curvePlot, curveTable } from './report.ts'
import type { Measured } from './report.ts'
import { curvesAsSvg } from './svg.ts'

export const curves: readonly Curve[] = [...connectionCurves, ...processCurves, ...readCurves]

export type ScaleOptions = { chosen: readonly string[]; json: boolean; svg: string | undefined }

/** `chosen`: names of curves; none: all of them. `svg`: a file for a picture. */
export async function runScale(subject: Subject, { chosen, json, svg }: ScaleOptions): Promise<void> {
  const stranger = chosen.find((name) => !curves.some((curve) => curve.name === name))
  if (stranger !== undefined)
    throw new Error(`no curve is called ${stranger}; there are ${curves.map(({ name }) => name).join(', ')}`)
  const measured: Measured[] = []
  for (const curve of curves) {
    if (chosen.length > 0 && !chosen.includes(curve.name)) continue
    const points = await measureCurve(curve, subject, ({ x, values }) => {
      process.stderr.write(`${curve.name} ${x}: ${values.map(number).join(' ')}\n`)
    })
    measured.push({ curve, points })
  }
  if (svg !== undefined) writeFileSync(svg, curvesAsSvg(measured, machine()))
  process.stdout.write(json ? asJson(measured) : asText(measured))
}

function machine(): string {
  const [first] = cpus()
  return `${cpus().length} × ${first?.model ?? process.arch}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`
}

const asText = (measured: readonly Measured[]): string =>
  `${measured.map((one) => `${curveTable(one)}\n\n${curvePlot(one)}\n`).join('\n')}${machine()}\n`

const asJson = (measured: readonly Measured[]): string => {
  const found = measured.map(({ curve: { name, x, series }, points }) => ({ name, x, series, points }))
  return `${JSON.stringify(found, null, 2)}\n`
}

/** The figures as text in columns. */
import type { Row, Target } from './measure.ts'

export type Line = Row & { ours: number; reference: number | undefined }

export function table(lines: readonly Line[]): string {
  const cells = [
    ['measure', 'unit', 'ours', 'reference', 'ratio', 'target', ''],
    ...lines.map((line) => {
      const ratio = line.reference === undefined ? undefined : line.ours / line.reference
      const ratioText = ratio === undefined ? '' : ratio.toFixed(2)
      return [
        line.label,
        line.unit,
        number(line.ours),
        number(line.reference),
        ratioText,
        ...targetCells(line.target, line.ours, ratio),
      ]
    }),
  ]
  const widths = (cells[0] as string[]).map((_, column) =>
    Math.max(...cells.map((row) => (row[column] as string).length)),
  )
  const pad = (cell: string, column: number): string => {
    const width = widths[column] as number
    return isNumeric(column) ? cell.padStart(width) : cell.padEnd(width)
  }
  return cells.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

const isNumeric = (column: number): boolean => column >= 2 && column <= 4

function number(value: number | undefined): string {
  if (value === undefined) return ''
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

function targetCells(target: Target | undefined, ours: number, ratio: number | undefined): [string, string] {
  const { ratioMax, ratioMin, oursMax } = target ?? {}
  if (oursMax !== undefined) return [`ours <= ${oursMax}`, verdict(ours <= oursMax)]
  if (ratioMax !== undefined) return [`<= ${ratioMax}`, verdict(ratio === undefined || ratio <= ratioMax)]
  if (ratioMin !== undefined) return [`>= ${ratioMin}`, verdict(ratio === undefined || ratio >= ratioMin)]
  return ['', '']
}

const verdict = (met: boolean): string => (met ? '' : 'missed')

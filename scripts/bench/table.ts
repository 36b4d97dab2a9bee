/** The figures, as text in columns or as JSON. */
import type { Goal, Row } from './measure.ts'

export type Line = Row & { measure: string; ours: number; reference: number | undefined; node?: number | undefined }

/** A line as others read it. Without a reference there is no ratio, and only what depends on it is not judged. */
export type Result = {
  measure: string
  row: string
  unit: string
  ours: number
  reference: number | null
  /** Of plain Node, the runtime's limit. */
  node: number | null
  ratio: number | null
  goal: string | null
  met: boolean | null
}

export function resultOf({ measure, label, unit, ours, reference, node, goal }: Line): Result {
  const ratio = reference === undefined ? null : ours / reference
  const judged = goal === undefined ? undefined : judge(goal, ours, ratio)
  return {
    measure,
    row: label,
    unit,
    ours,
    reference: reference ?? null,
    node: node ?? null,
    ratio,
    goal: judged?.goal ?? null,
    met: judged?.met ?? null,
  }
}

function judge({ ratioMax, ratioMin, oursMax }: Goal, ours: number, ratio: number | null) {
  if (oursMax !== undefined) return { goal: `ours <= ${oursMax}`, met: ours <= oursMax }
  const [goal, met] =
    ratioMax === undefined
      ? [`>= ${ratioMin}`, (value: number): boolean => value >= (ratioMin ?? 0)]
      : [`<= ${ratioMax}`, (value: number): boolean => value <= ratioMax]
  return { goal, met: ratio === null ? null : met(ratio) }
}

export function table(results: readonly Result[]): string {
  const cells = [
    ['measure', 'unit', 'ours', 'reference', 'Node', 'ratio', 'goal', 'met'],
    ...results.map(({ row, unit, ours, reference, node, ratio, goal, met }) => [
      row,
      unit,
      number(ours),
      number(reference),
      number(node),
      ratio === null ? '' : ratio.toFixed(2),
      goal ?? '',
      met === null ? '' : met ? 'yes' : 'no',
    ]),
  ]
  return aligned(cells, (column) => column >= 2 && column <= 5)
}

/** Rows of cells as text in columns; numbers are aligned to the right. */
export function aligned(cells: readonly (readonly string[])[], isNumeric: (column: number) => boolean): string {
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)))
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0
    return isNumeric(column) ? cell.padStart(width) : cell.padEnd(width)
  }
  return cells.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

/** About three digits. */
export function number(value: number | null): string {
  if (value === null) return ''
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

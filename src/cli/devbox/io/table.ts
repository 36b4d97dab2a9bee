/** Tables on stdout. */

/** Formats a table, its columns aligned. Cuts lines at `width` columns, if given. */
export function table(head: readonly string[], rows: readonly string[][], width: number | undefined): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] as string).length)))
  const padded = (cell: string, column: number): string =>
    column === head.length - 1 ? cell : cell.padEnd(widths[column] as number)
  const lines = all.map((row) => row.map(padded).join('  '))
  return lines.map((line) => `${width === undefined ? line : line.slice(0, width)}\n`).join('')
}

/** Formats an age: 90,000 ms is `1m`. Clocks may differ, so a negative age is shown as `0s`. */
export function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86_400)}d`
}

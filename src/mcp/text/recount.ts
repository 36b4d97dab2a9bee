/** Corrects the line counts of a patch's hunks, which models often get wrong. */

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/

/** The lines of a hunk: where they end, and how many there are of the old and of the new file. */
type Extent = { end: number; old: number; new: number }

/**
 * The same patch; counts that do not fit the lines of their hunk are replaced. As with `git apply --recount`, a hunk then goes
 * on to the next line that cannot be one of a hunk. An empty line is an empty line of context.
 */
export function recounted(patch: string): string {
  const lines = patch.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const header = HUNK.exec(lines[at] as string)
    if (header === null) continue
    const [text, oldStart, oldCount = '1', newStart, newCount = '1'] = header
    const given = counted(lines, at + 1, Number(oldCount), Number(newCount))
    const extent = given ?? measured(lines, at + 1)
    if (given === undefined) {
      const rest = (lines[at] as string).slice(text.length)
      lines[at] = `@@ -${oldStart},${extent.old} +${newStart},${extent.new} @@${rest}`
    }
    for (let line = at + 1; line < extent.end; line++) if (lines[line] === '') lines[line] = ' '
    at = extent.end - 1
  }
  return lines.join('\n')
}

/** The extent that the counts say; undefined if the lines do not fit. */
function counted(lines: readonly string[], start: number, oldCount: number, newCount: number): Extent | undefined {
  const extent = { end: start, old: 0, new: 0 }
  while (extent.old < oldCount || extent.new < newCount) {
    if (!isHunkLine(lines[extent.end])) return undefined
    take(lines, extent)
  }
  while (lines[extent.end]?.startsWith('\\') === true) extent.end++
  if (extent.old > oldCount || extent.new > newCount) return undefined
  return lines[extent.end] !== '' && isOfHunk(lines, extent.end) ? undefined : extent
}

/** The extent to the first line that cannot be one of a hunk. Empty lines before it do not count. */
function measured(lines: readonly string[], start: number): Extent {
  const extent = { end: start, old: 0, new: 0 }
  let last = { ...extent }
  while (isOfHunk(lines, extent.end)) {
    take(lines, extent)
    if (lines[extent.end - 1] !== '') last = { ...extent }
  }
  return last
}

function take(lines: readonly string[], extent: Extent): void {
  const kind = lines[extent.end]?.[0] ?? ' '
  if (kind === ' ' || kind === '-') extent.old++
  if (kind === ' ' || kind === '+') extent.new++
  extent.end++
}

/** Whether a hunk may go on with this line, if its counts do not say. `-- ` begins the signature at the end of a mail. */
function isOfHunk(lines: readonly string[], at: number): boolean {
  const line = lines[at]
  if (line === '-- ' || (line?.startsWith('--- ') === true && lines[at + 1]?.startsWith('+++ ') === true)) return false
  return isHunkLine(line)
}

const isHunkLine = (line: string | undefined): boolean =>
  line !== undefined && (line === '' || ' +-\\'.includes(line[0] as string))

/** Finds where the last lines of a run's output begin. */
import { NEWLINE } from '../../../base/line-reader.ts'
import type { ExecClient } from '../../../client/base/types.ts'
import type { RunReference } from '../run/run-reference.ts'

/** Bytes to look at first, for each line and at least; eight times as many if that was too few. */
const BYTES_PER_LINE = 200
const LEAST_BYTES = 64 * 1024
const GROWTH = 8

/** The position of the last `count` lines, an unfinished one included; 0 if there are fewer. */
export async function lastLines(client: Pick<ExecClient, 'logs'>, run: RunReference, count: number): Promise<number> {
  for (let lastBytes = Math.max(LEAST_BYTES, count * BYTES_PER_LINE); ; lastBytes *= GROWTH) {
    const starts = await lineStarts(client, run, lastBytes, count)
    if (starts.isWhole || starts.positions.length > count) return starts.positions.at(-count) ?? starts.end
  }
}

type LineStarts = {
  /** Of the last lines, and of one more. */
  positions: number[]
  end: number
  /** Whether the first of them is the first line of all that is kept. */
  isWhole: boolean
}

async function lineStarts(
  client: Pick<ExecClient, 'logs'>,
  run: RunReference,
  lastBytes: number,
  count: number,
): Promise<LineStarts> {
  const positions: number[] = []
  let [first, end, isLineOpen] = [-1, 0, false]
  for await (const entry of client.logs(run, { lastBytes })) {
    if (entry.type === 'dropped') continue
    const { bytes, position } = entry
    if (first < 0) first = position
    for (let at = 0; at < bytes.length; at++) {
      if (!isLineOpen && positions.push(position + at) > count + 1) positions.shift()
      isLineOpen = bytes[at] !== NEWLINE
    }
    end = position + bytes.length
  }
  return { positions, end, isWhole: first <= 0 || end - first < lastBytes }
}

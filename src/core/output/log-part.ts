/** Cuts what process/logs asks for out of output in order. */
import type { LogPart, LogRange, StoredOutput } from '../base/run-store.ts'

/**
 * Selects from `output`, which is in order and may have gaps; `endsAt` is how much output there was. A piece that begins
 * before the position loses what is before it. At least one piece is returned, whatever its size.
 */
export function logPart(output: Iterable<StoredOutput>, endsAt: number, range: LogRange): LogPart {
  const { sinceMs, maxBytes, lastBytes } = range
  const from = lastBytes === undefined ? range.position : Math.max(range.position, endsAt - lastBytes)
  const entries: StoredOutput[] = []
  let [position, total, droppedBytes] = [Math.min(from, endsAt), 0, 0]
  for (const piece of output) {
    const end = piece.position + piece.bytes.length
    if (end <= position) continue
    if (piece.atMs < sinceMs) {
      position = end
      continue
    }
    const rest = piece.position >= position ? piece : tailOf(piece, position)
    if (entries.length > 0 && total + rest.bytes.length > maxBytes) return { entries, position, droppedBytes }
    droppedBytes += rest.position - position
    entries.push(rest)
    total += rest.bytes.length
    position = end
  }
  return { entries, position: endsAt, droppedBytes: droppedBytes + Math.max(0, endsAt - position) }
}

const tailOf = ({ bytes, ...piece }: StoredOutput, position: number): StoredOutput => ({
  ...piece,
  position,
  bytes: bytes.subarray(position - piece.position),
})

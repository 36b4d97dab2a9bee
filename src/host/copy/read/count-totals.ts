/** Counts what there is to copy, beside the copy itself. */
import { lstat, readdir, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import { decodeName } from '../../../protocol/schemas/path-uri.ts'
import { nativePath } from '../../fs/native-path.ts'
import type { CopyOptions, Totals } from '../messages.ts'
import { excluder } from '../patterns.ts'
import { COPY_PROGRESS_MS } from '../../limits.ts'

/** Links that lead back are not looked for: a count need not be exact, but it ends. */
const MAX_DEPTH = 64

/** Starts to count. `news` returns the count when it has changed and some time has gone by. */
export function countTotals(
  sources: readonly string[],
  { recursive, dereference, exclude }: CopyOptions,
  signal: AbortSignal,
): { news(): Totals | undefined } {
  const totals: Totals = { type: 'totals', files: 0, bytes: 0, isComplete: false }
  const isExcluded = excluder(exclude)
  let last = 0
  let isTold = false

  async function count(source: string, path: string, depth: number): Promise<void> {
    if (signal.aborted || depth > MAX_DEPTH) return
    const follow = dereference || (depth === 0 && !recursive)
    const info = await (follow ? stat : lstat)(nativePath(source)).catch(() => undefined)
    if (info === undefined) return
    if (info.isFile()) {
      totals.files++
      totals.bytes += info.size
    }
    if (!info.isDirectory() || !recursive) return
    const names = await readdir(nativePath(source), { encoding: 'buffer' }).catch((): Buffer[] => [])
    for (const name of names.map(decodeName)) {
      const below = posix.join(path, name)
      if (!isExcluded(below)) await count(posix.join(source, name), below, depth + 1)
    }
  }

  void (async () => {
    for (const source of sources) await count(source, '', 0)
    totals.isComplete = true
  })()
  return {
    news() {
      const now = Date.now()
      if (isTold || (!totals.isComplete && now - last < COPY_PROGRESS_MS)) return undefined
      last = now
      isTold = totals.isComplete
      return { ...totals }
    },
  }
}

/** Waits for a run, and reports progress meanwhile. */
import { PROGRESS_MS } from '../limits.ts'
import type { Run } from '../runs/run.ts'
import type { ToolCall } from '../tool.ts'

export async function waitWithProgress(run: Run, ms: number, { signal, progress }: ToolCall): Promise<void> {
  const report = (): void => progress?.(`${run.id}: ${run.output.total} bytes of output`)
  const timer = progress === undefined ? undefined : setInterval(report, PROGRESS_MS)
  try {
    await run.settle(ms, signal)
  } finally {
    clearInterval(timer)
  }
}

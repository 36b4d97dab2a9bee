/** `exec`: runs a command. */
import * as v from 'valibot'
import { ANSWER_BYTES, MAX_ANSWER_BYTES, MAX_TIMEOUT_MS, MAX_YIELD_MS, YIELD_MS } from '../limits.ts'
import { Run } from '../runs/run.ts'
import { reportRun, RunReport, wholeOutput } from '../runs/run-report.ts'
import { count, defineTool, flag, path, text } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { waitWithProgress } from './wait.ts'

const input = v.strictObject({
  command: v.pipe(text('a command line for the shell'), v.minLength(1)),
  cwd: v.optional(path('where it runs; default: the workspace')),
  timeout_ms: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(MAX_TIMEOUT_MS),
      v.description('ends the command after that long; default: no limit'),
    ),
  ),
  yield_time_ms: count('answers after that long at the latest; the command goes on', 0, MAX_YIELD_MS, YIELD_MS),
  stdin: flag('whether write_stdin can write to it; otherwise it reads end of file'),
  tty: flag('runs it in a terminal; write_stdin can write to it'),
  max_output_bytes: count('output in the answer', 1000, MAX_ANSWER_BYTES, ANSWER_BYTES),
})

export function execTool(workspace: Workspace): Tool {
  const { client, shell, runs, policy } = workspace
  const isReadOnly = policy.mode === 'read-only' && !policy.hasNetwork
  return defineTool({
    name: 'exec',
    title: 'Run a command',
    description:
      'Runs a command line in a shell and answers with its output (stdout and stderr as they came) and exit code. One ' +
      'that takes longer than yield_time_ms goes on: the answer has a run_id for read_output, write_stdin and kill.',
    annotations: { readOnlyHint: isReadOnly, destructiveHint: !isReadOnly, openWorldHint: policy.hasNetwork },
    input,
    output: RunReport,
    async run(options, { signal, progress }) {
      const { command, timeout_ms: timeoutMs, stdin, tty, yield_time_ms: yieldMs, max_output_bytes: max } = options
      const cwd = workspace.resolve(options.cwd ?? '.')
      const { sandbox } = workspace
      const run = await runs.add(async (id) => {
        const start = { argv: [shell, '-c', command], cwd, tty, stdin: stdin ? 'pipe' : 'closed', sandbox } as const
        const process = await client.start(start, { signal })
        return new Run({ id, command, cwd, process, timeoutMs, hasGrace: client.extensions.has('graceMs') })
      })
      try {
        await waitWithProgress(run, yieldMs, { signal, progress })
      } catch (error) {
        // Cancelled: the client does not know the run's id.
        await run.terminate().catch(() => {})
        runs.delete(run.id)
        throw error
      }
      return reportRun(run, wholeOutput(run.output, 0, max))
    },
  })
}

/** The tools for commands that go on: `write_stdin`, `read_output`, `kill`, `list_runs`. */
import * as v from 'valibot'
import { ANSWER_BYTES, MAX_ANSWER_BYTES, MAX_RUNS, MAX_YIELD_MS } from '../limits.ts'
import type { Run } from '../runs/run.ts'
import type { OutputPart } from '../runs/run-report.ts'
import { nextOutput, reportRun, RunReport, wholeOutput } from '../runs/run-report.ts'
import { count, defineTool, flag, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { waitWithProgress } from './wait.ts'

const runId = v.pipe(v.string(), v.description('the run_id that exec answered'))
const maxBytes = count('output in the answer', 1000, MAX_ANSWER_BYTES, ANSWER_BYTES)

export const runTools = (workspace: Workspace): Tool[] => [
  writeStdin(workspace),
  readOutput(workspace),
  kill(workspace),
  listRuns(workspace),
]

function writeStdin({ runs }: Workspace): Tool {
  return defineTool({
    name: 'write_stdin',
    title: 'Write to a command',
    description:
      'Writes text to the stdin of a run that was started with stdin or tty, then waits for output. In a terminal, ' +
      '"\\u0003" is Ctrl-C and "\\r" is Enter.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false },
    input: v.strictObject({
      run_id: runId,
      text: v.optional(v.pipe(v.string(), v.description('what to write')), ''),
      end: flag('sends end of file afterwards'),
      yield_time_ms: count('how long to wait for output or the end', 0, MAX_YIELD_MS, 1000),
      max_output_bytes: maxBytes,
    }),
    output: RunReport,
    async run({ run_id: id, text, end, yield_time_ms: ms, max_output_bytes: max }, call) {
      const run = runs.get(id)
      const from = run.cursor
      if (text !== '') {
        const status = await run.write(text, call.signal)
        if (status !== 'accepted')
          throw new ToolError(
            run.state === 'running'
              ? `${id} has no open stdin: start it with stdin or tty`
              : `${id} has ended: nothing was written`,
          )
      }
      if (end) await run.closeStdin(call.signal)
      await waitWithProgress(run, ms, call)
      return reportRun(run, wholeOutput(run.output, from, max))
    },
  })
}

function readOutput({ runs }: Workspace): Tool {
  return defineTool({
    name: 'read_output',
    title: 'Read the output of a command',
    description:
      'Reads the output of a run: what is new since the last answer, or from a cursor. With tail, only the last part. ' +
      'The first 64 KiB and the last MiB of the output are kept.',
    annotations: { readOnlyHint: true },
    input: v.strictObject({
      run_id: runId,
      cursor: v.optional(
        v.pipe(v.number(), v.integer(), v.minValue(0), v.description('a position in bytes; 0 is the start')),
      ),
      tail: flag('the end of the output instead of what comes next'),
      screen: flag('with tty: what the terminal shows now, instead of its output'),
      yield_time_ms: count('how long to wait for the end of the command', 0, MAX_YIELD_MS, 0),
      max_output_bytes: maxBytes,
    }),
    output: RunReport,
    async run({ run_id: id, cursor, tail, screen, yield_time_ms: ms, max_output_bytes: max }, call) {
      const run = runs.get(id)
      await waitWithProgress(run, ms, call)
      if (screen) return reportRun(run, await screenOf(run, call.signal))
      const { total } = run.output
      const from = cursor ?? run.cursor
      if (from > total) throw new ToolError(`cursor ${from} is past the end of the output, ${total} bytes`)
      return reportRun(run, nextOutput(run.output, tail ? Math.max(total - max, 0) : from, max))
    },
  })
}

/** @throws {ToolError} if it has no terminal */
async function screenOf(run: Run, signal: AbortSignal): Promise<OutputPart> {
  const text = await run.screen(signal)
  if (text === undefined) throw new ToolError(`${run.id} has no terminal: start it with tty`)
  const end = run.output.total
  return { text, omitted: end - run.cursor, end }
}

function kill({ runs }: Workspace): Tool {
  return defineTool({
    name: 'kill',
    title: 'End a command',
    description: 'Ends a run and all that it started: SIGTERM, and SIGKILL two seconds later. Answers its last output.',
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
    input: v.strictObject({ run_id: runId }),
    output: RunReport,
    async run({ run_id: id }, { signal }) {
      const run = runs.get(id)
      await run.kill(signal)
      return reportRun(run, wholeOutput(run.output, run.cursor, ANSWER_BYTES))
    },
  })
}

const Listing = v.object({
  runs: v.array(
    v.object({
      run_id: v.string(),
      command: v.string(),
      cwd: v.string(),
      state: v.picklist(['running', 'exited', 'lost']),
      exit_code: v.nullable(v.number()),
      started_at: v.string(),
      total_bytes: v.number(),
    }),
  ),
})

function listRuns({ runs }: Workspace): Tool {
  return defineTool({
    name: 'list_runs',
    title: 'List commands',
    description: `Lists the commands that were started here, the oldest first. ${MAX_RUNS} are kept.`,
    annotations: { readOnlyHint: true },
    input: v.strictObject({}),
    output: Listing,
    async run() {
      const list = runs.all().map(({ id, command, cwd, state, exit, startedAtMs, output }) => ({
        run_id: id,
        command: command.length > 200 ? `${command.slice(0, 200)}…` : command,
        cwd,
        state,
        exit_code: exit?.exitCode ?? null,
        started_at: new Date(startedAtMs).toISOString(),
        total_bytes: output.total,
      }))
      const lines = list.map(
        ({ run_id: id, state, exit_code: code, command }) =>
          `${id} ${state}${code === null ? '' : ` ${code}`} ${command}`,
      )
      return { text: lines.length === 0 ? 'no commands' : lines.join('\n'), data: { runs: list } }
    },
  })
}

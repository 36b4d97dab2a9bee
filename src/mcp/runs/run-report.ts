/** What the tools say of a run: its state, and a part of its output with the number of bytes that are left out. */
import * as v from 'valibot'
import type { ToolAnswer } from '../tool.ts'
import { completeLength, continuationLength } from '../text/utf8.ts'
import type { OutputStore } from './output-store.ts'
import type { Run } from './run.ts'

export const RunReport = v.object({
  run_id: v.string(),
  state: v.picklist(['running', 'exited', 'lost']),
  exit_code: v.nullable(v.number()),
  timed_out: v.boolean(),
  sandbox_denied: v.boolean(),
  output: v.string(),
  omitted_bytes: v.pipe(v.number(), v.description('bytes of output that are not in `output`')),
  cursor: v.pipe(v.number(), v.description('where this output ends; read_output goes on from there')),
  total_bytes: v.number(),
})
export type RunReport = v.InferOutput<typeof RunReport>

export type OutputPart = { text: string; omitted: number; end: number }

const decoder = new TextDecoder()

/** All output from `from` on; the middle is left out where it is more than `max` bytes. */
export function wholeOutput(store: OutputStore, from: number, max: number): OutputPart {
  const end = store.total
  if (from >= store.tailStart && end - from <= max) {
    return { text: decoder.decode(store.slice(from, end)), omitted: 0, end }
  }
  const half = Math.floor(max / 2)
  let first = store.keptFrom(from) === from ? store.slice(from, Math.min(from + half, end)) : new Uint8Array()
  first = first.subarray(0, completeLength(first))
  let last = store.slice(Math.max(end - half, store.tailStart, from + first.length), end)
  last = last.subarray(continuationLength(last))
  const omitted = end - from - first.length - last.length
  return { text: joinParts(decoder.decode(first), omitted, decoder.decode(last)), omitted, end }
}

/** Output from `from` on, at most `max` bytes of it. */
export function nextOutput(store: OutputStore, from: number, max: number): OutputPart {
  const start = store.keptFrom(from)
  let bytes = store.slice(start, Math.min(start + max, store.total))
  // More may follow: keep a character together.
  const complete = completeLength(bytes)
  if (complete > 0) bytes = bytes.subarray(0, complete)
  const omitted = start - from
  return { text: joinParts('', omitted, decoder.decode(bytes)), omitted, end: start + bytes.length }
}

const joinParts = (first: string, omitted: number, last: string): string =>
  omitted === 0 ? first + last : `${first}${first === '' ? '' : '\n'}[… ${omitted} bytes omitted …]\n${last}`

/** The answer about a run. Moves its cursor. */
export function reportRun(run: Run, { text, omitted, end }: OutputPart): ToolAnswer<RunReport> {
  run.cursor = end
  const { id, state, exit, timedOut, loss, output } = run
  const notes = [stateText(run)]
  if (timedOut) notes.push('its time limit was reached')
  if (exit?.sandboxDenied === true) notes.push('the sandbox probably refused something')
  if (loss !== undefined) notes.push(loss)
  if (end < output.total) notes.push(`${output.total - end} more bytes: read_output`)
  return {
    text: `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}[${notes.join('; ')}]`,
    data: {
      run_id: id,
      state,
      exit_code: exit?.exitCode ?? null,
      timed_out: timedOut,
      sandbox_denied: exit?.sandboxDenied ?? false,
      output: text,
      omitted_bytes: omitted,
      cursor: end,
      total_bytes: output.total,
    },
  }
}

function stateText({ id, state, exit, output }: Run): string {
  if (state === 'exited') return `exit code ${exit?.exitCode}; ${id}; ${output.total} bytes of output`
  return state === 'running' ? `still running as ${id}; ${output.total} bytes of output so far` : `${id} was lost`
}

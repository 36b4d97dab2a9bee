/** `grep`: searches in files, with ripgrep where the devbox has it. */
import * as v from 'valibot'
import { GREP_LINES, GREP_SCAN, LINE_CHARS, MAX_ANSWER_BYTES } from '../limits.ts'
import { LineCounter } from '../text/line-counter.ts'
import { count, defineTool, flag, path, text, ToolError } from '../tool.ts'
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'

const input = v.strictObject({
  pattern: v.pipe(text('a regular expression'), v.minLength(1), v.maxLength(10_000)),
  path: v.optional(path('the file or directory to search; default: the workspace'), '.'),
  glob: v.optional(v.pipe(text('searches only files whose name matches, such as *.ts'), v.maxLength(1000))),
  literal: flag('the pattern is plain text'),
  ignore_case: flag('ignores upper and lower case'),
  context: count('lines before and after each match', 0, 20, 0),
  max_lines: count('lines in the answer', 1, 5000, GREP_LINES),
})
type Input = v.InferOutput<typeof input>

/** What searches: ripgrep, grep with Perl's regular expressions, or with the extended ones of POSIX. */
export type Searcher = 'rg' | 'grep -P' | 'grep -E'

/** Prints the first of them that the devbox has. */
const FIND_SEARCHER =
  "if command -v rg >/dev/null; then echo rg; elif echo 1 | grep -qP '\\d' 2>/dev/null; then echo grep -P; else echo grep -E; fi"

/** The command line of a search. */
export function searchCommand(options: Input, path: string, searcher: Searcher): string[] {
  const { pattern, glob, literal, ignore_case: ignoresCase, context } = options
  const shared = [...(ignoresCase ? ['-i'] : []), ...(context > 0 ? ['-C', String(context)] : [])]
  if (searcher === 'rg') {
    const flags = ['--no-config', '--line-number', '--with-filename', '--no-heading', '--color=never', '--sort=path']
    const only = glob === undefined ? [] : [`--glob=${glob}`]
    return ['rg', ...flags, ...shared, ...(literal ? ['-F'] : []), ...only, '-e', pattern, '--', path]
  }
  const syntax = literal ? '-F' : searcher === 'grep -P' ? '-P' : '-E'
  const include = glob === undefined ? [] : [`--include=${glob}`]
  return ['grep', '-rnHI', '--exclude-dir=.git', ...shared, syntax, ...include, '-e', pattern, '--', path]
}

export function grepTool(workspace: Workspace): Tool {
  const { client, shell } = workspace
  let searcher: Promise<Searcher> | undefined
  const findSearcher = (): Promise<Searcher> =>
    (searcher ??= client
      .run({ argv: [shell, '-c', FIND_SEARCHER], sandbox: workspace.sandbox })
      .then(({ stdout }) => searcherIn(new TextDecoder().decode(stdout)))
      .catch((error: unknown) => {
        searcher = undefined
        throw error
      }))
  return defineTool({
    name: 'grep',
    title: 'Search in files',
    description:
      'Searches files for a regular expression, with ripgrep (which skips what .gitignore names) or else grep. ' +
      'Answers lines as PATH:LINE:TEXT. Further lines are counted.',
    annotations: { readOnlyHint: true },
    input,
    output: v.object({
      lines: v.array(v.string()),
      omitted: v.pipe(v.number(), v.description('lines that are not in the answer')),
      complete: v.pipe(v.boolean(), v.description('false: ended before all was searched, or some could not be read')),
    }),
    async run(options, { signal }) {
      const argv = searchCommand(options, workspace.resolve(options.path), await findSearcher())
      const process = await client.start(
        { argv, cwd: workspace.policy.workspace, sandbox: workspace.sandbox },
        { signal },
      )
      const found = new LineCounter({ maxLines: options.max_lines, maxLine: LINE_CHARS, maxText: MAX_ANSWER_BYTES })
      const errors = new LineCounter({ maxLines: 5, maxLine: LINE_CHARS, maxText: MAX_ANSWER_BYTES })
      let [exitCode, bytes] = [0, 0]
      try {
        for await (const event of process.events({ signal })) {
          if (event.type === 'exited') exitCode = event.exitCode
          if (event.type === 'lag' && event.lost) throw new ToolError('some of the output was lost: search again')
          if (event.type !== 'output') continue
          ;(event.stream === 'stderr' ? errors : found).add(event.bytes)
          bytes += event.bytes.length
          if (bytes > GREP_SCAN) break
        }
      } finally {
        await process[Symbol.asyncDispose]()
      }
      const { lines, omitted } = found.end()
      const complaints = errors.end().lines
      // Both exit with 1 if nothing matches, and with 2 for errors.
      if (exitCode > 1 && lines.length === 0) throw new ToolError(complaints.join('\n') || `exit code ${exitCode}`)
      const isCut = bytes > GREP_SCAN
      const notes = [
        ...(omitted > 0 ? [`[… ${omitted} more lines${isCut ? ', and more that were not counted' : ''} …]`] : []),
        ...(exitCode > 1 ? [`[${complaints.join('; ')}]`] : []),
      ]
      return {
        text: [...(lines.length === 0 ? ['[no match]'] : lines), ...notes].join('\n'),
        data: { lines, omitted, complete: !isCut && exitCode <= 1 },
      }
    },
  })
}

const searcherIn = (output: string): Searcher => {
  const name = output.trim()
  return name === 'rg' || name === 'grep -P' ? name : 'grep -E'
}

/** The runner's command line. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export const USAGE = `Usage: npm test -- [OPTIONS] [PATTERN…]

Runs the test files whose path matches one of the patterns (regular expressions), or all.

  --full          also the files (*.full.test.ts) and tests of the full tier
  --jobs N        so many files at a time (default: the number of cores)
  --timeout S     end and fail a file after so many seconds (default: 120; with --full 300)
  --verbose       show what each file prints, not only of those that fail
  --source        start servers from source instead of the executable
  --list          name the files and run nothing
`

export type Options = {
  patterns: RegExp[]
  isFull: boolean
  jobs: number
  timeoutMs: number
  isVerbose: boolean
  fromSource: boolean
  isList: boolean
}

/** Throws an Error that says what is wrong with the arguments. Undefined: the usage is asked for. */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      full: { type: 'boolean', default: false },
      jobs: { type: 'string' },
      timeout: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      source: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    patterns: positionals.map((pattern) => new RegExp(pattern)),
    isFull: values.full,
    jobs: positive('--jobs', values.jobs) ?? availableParallelism(),
    timeoutMs: (positive('--timeout', values.timeout) ?? (values.full ? 300 : 120)) * 1000,
    isVerbose: values.verbose,
    fromSource: values.source,
    isList: values.list,
  }
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1 on, not ${text}`)
  return value
}

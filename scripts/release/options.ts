/** The command line of the release. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { findTarget, TARGETS } from '../build/targets.ts'
import type { Target } from '../build/targets.ts'
import { DEFAULT_LEVEL, FORMATS } from './compress.ts'
import type { Format } from './compress.ts'

export const USAGE = `Usage: npm run release -- [options]

  --target NAME             for this platform; may be given several times (default: all: ${TARGETS.map(({ name }) => name).join(', ')})
  --executable TARGET=FILE  takes this executable instead of building it; may be given several times
  --format FORMAT           only archives of this format: ${FORMATS.join(' or ')}
  --output DIR              where the artefacts go; what is there is deleted (default: dist/release)
  --tag TAG                 the tag that is released: fails unless the version is the same
  --level N                 of compression, from 0 to 9 (default: ${DEFAULT_LEVEL})
  --no-packages             makes no npm packages
  --help                    shows this text
`

export type ReleaseOptions = {
  targets: readonly Target[]
  /** Paths of executables by the names of their targets. */
  executables: ReadonlyMap<string, string>
  formats: readonly Format[]
  output: string
  tag: string | undefined
  level: number
  makesPackages: boolean
}

/**
 * Parses the arguments. Returns undefined if help is requested. On GitHub a workflow for a tag need not name it.
 * @throws Error for what does not fit
 */
export function parseOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  root: string,
): ReleaseOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      target: { type: 'string', multiple: true },
      executable: { type: 'string', multiple: true },
      format: { type: 'string' },
      output: { type: 'string' },
      tag: { type: 'string' },
      level: { type: 'string' },
      'no-packages': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help === true) return undefined
  const level = values.level ?? `${DEFAULT_LEVEL}`
  if (!/^\d$/.test(level)) throw new Error(`--level takes a number from 0 to 9, not ${level}`)
  const formats = FORMATS.filter((each) => values.format === undefined || values.format === each)
  if (formats.length === 0) throw new Error(`--format takes ${FORMATS.join(' or ')}, not ${values.format}`)
  return {
    formats,
    targets: values.target === undefined ? TARGETS : [...new Set(values.target)].map(findTarget),
    executables: new Map(values.executable?.map(executable)),
    output: resolve(values.output ?? join(root, 'dist', 'release')),
    tag: values.tag ?? (env['GITHUB_REF_TYPE'] === 'tag' ? env['GITHUB_REF_NAME'] : undefined),
    level: Number(level),
    makesPackages: values['no-packages'] !== true,
  }
}

function executable(text: string): [target: string, path: string] {
  const at = text.indexOf('=')
  if (at === -1) throw new Error(`--executable takes TARGET=FILE, not ${text}`)
  return [findTarget(text.slice(0, at)).name, resolve(text.slice(at + 1))]
}

/** The options in force, and where each value comes from. */
import { fileOptions } from './options.ts'
import type { Option, Options, OptionValue } from './options.ts'
import { placeOf } from './read-config.ts'
import type { Config } from './read-config.ts'

/** One option. `value` is null where nothing is in force. */
export type Setting = {
  value: boolean | number | string | string[] | null
  from: 'command line' | 'file' | 'default'
  /** Of the file, where it is known. */
  line?: number
}

/** Options by name, in the order of the help. */
export type Settings = Readonly<Record<string, Setting>>

/** Puts the options together: the command line wins over the file, and the file over the defaults. */
export const settingsOf = (
  options: Options,
  given: Readonly<Record<string, unknown>>,
  config: Config | undefined,
): Settings =>
  Object.fromEntries(
    fileOptions(options).map(([name, option]): [string, Setting] => {
      if (given[name] !== undefined)
        return [name, { value: valueOf(given[name] as OptionValue, option), from: 'command line' }]
      const inFile = config?.values[name]
      if (inFile === undefined) return [name, { value: fallbackOf(option), from: 'default' }]
      const line = config?.lines[name]
      return [name, { value: valueOf(inFile, option), from: 'file', ...(line === undefined ? {} : { line }) }]
    }),
  )

const valueOf = (value: OptionValue, { inFile }: Option): boolean | number | string | string[] =>
  inFile === 'number' ? Number(value) : value

const fallbackOf = ({ type, multiple, fallback }: Option): boolean | number | string | string[] | null =>
  fallback ?? (type === 'boolean' ? false : multiple === true ? [] : null)

/**
 * A file that has the same effect: a comment behind each value says where it comes from, and defaults are comments, so
 * that they may change with the version.
 */
export async function settingsToml(settings: Settings, file: string | undefined): Promise<string> {
  const { stringify } = await import('smol-toml')
  const lines = Object.entries(settings).map(([name, { value, from, line }]) => {
    if (value === null) return `# ${name} is not set\n`
    const text = stringify({ [name]: value }).trimEnd()
    if (from === 'default') return `# ${text}  (default)\n`
    return `${text}  # ${from === 'file' && file !== undefined ? placeOf(file, line) : from}\n`
  })
  return lines.join('')
}

/** The same for programs. */
export const settingsJson = (settings: Settings, file: string | undefined): string =>
  `${JSON.stringify({ file: file ?? null, options: settings }, undefined, 2)}\n`

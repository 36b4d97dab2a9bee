/** The schema of a configuration file, made from the table of options, and its errors. */
import * as v from 'valibot'
import { nearest } from '../base/nearest.ts'
import { fileOptions } from './options.ts'
import type { Option, Options, OptionValue } from './options.ts'

/** What is wrong with a file: the key at fault, the fault, and what to do. */
export type ConfigFault = { key: string; message: string; hints: string[] }

const number = v.pipe(
  v.number('takes a whole number'),
  v.check((value) => Number.isSafeInteger(value), 'takes a whole number'),
  v.transform(String),
)

const text = v.string('takes a text in quotes')

/** Rules that the command line takes as JSON. */
const table = v.union(
  [
    text,
    v.pipe(
      v.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value)),
      v.transform((rules) => JSON.stringify(rules)),
    ),
  ],
  'takes a table, or a text in quotes',
)

function schemaOf({ type, multiple, inFile }: Option): v.GenericSchema<unknown, OptionValue> {
  if (type === 'boolean') return v.boolean('takes true or false')
  if (multiple === true) return v.array(text, 'takes a list of texts: ["…"]')
  if (inFile === 'number') return number
  return inFile === 'table' ? table : text
}

/** The schema for these options: values are as the command line has them. */
export const configSchema = (options: Options) =>
  v.strictObject(Object.fromEntries(fileOptions(options).map(([name, option]) => [name, v.optional(schemaOf(option))])))

/** Decodes a file's table. */
export function decodeConfig(
  input: unknown,
  options: Options,
): { values: [key: string, value: OptionValue][] } | { fault: ConfigFault } {
  const parsed = v.safeParse(configSchema(options), input, { abortEarly: true })
  if (!parsed.success) return { fault: faultOf(parsed.issues[0], options) }
  const values = Object.entries(parsed.output).flatMap(([key, value]): [string, OptionValue][] =>
    value === undefined ? [] : [[key, value]],
  )
  return { values }
}

function faultOf(issue: v.BaseIssue<unknown>, options: Options): ConfigFault {
  const key = String(issue.path?.[0]?.key ?? '')
  if (issue.type !== 'strict_object')
    return { key, message: `${key} ${issue.message}, not ${shown(issue.input)}`, hints: [] }
  return { key, message: `there is no key ${key}`, hints: unknownKey(key, options) }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 100)

/** Keys that people look for a secret under. */
const SECRET = /token|secret|password/i

function unknownKey(key: string, options: Options): string[] {
  if (Object.hasOwn(options, key)) return [`--${key} is for the command line only`]
  const names = fileOptions(options).map(([name]) => name)
  const meant = nearest(key.toLowerCase().replaceAll('_', '-'), names)
  if (meant !== undefined) return [`did you mean ${meant}?`]
  const secrets = names.filter((name) => name.endsWith('-file'))
  if (SECRET.test(key)) return [`a secret stands in a file of its own, which this one names: ${secrets.join(', ')}`]
  return ['keys are the options of the server, without dashes in front: exec-server --help']
}

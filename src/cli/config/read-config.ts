/** Reads a configuration file. Loaded only where one is given. */
import { readTrusted } from '../../base/read-trusted.ts'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'
import { UsageError } from '../../base/usage-error.ts'
import { decodeConfig } from './config-schema.ts'
import type { Options, OptionValue } from './options.ts'
import { parseConfig } from './parse-config.ts'

/** Far more than all options with long lists; keeps a wrong path, such as a device, from being read without end. */
const MAX_BYTES = 256 * 1024

/** What a file sets: the values by their keys, and the lines of the keys, where they are known. */
export type Config = {
  file: string
  values: Readonly<Record<string, OptionValue>>
  lines: Readonly<Record<string, number | undefined>>
}

/**
 * Reads, parses and checks the file.
 * @throws {UsageError} with file and line; exit code 1 if it cannot be read, or others can change it, else 2
 */
export function readConfig(file: string, options: Options): Config {
  const { table, lineOf } = parseConfig(readText(file), file)
  const decoded = decodeConfig(table, options)
  if ('fault' in decoded) {
    const { key, message, hints } = decoded.fault
    throw new UsageError(`${placeOf(file, lineOf(key))}: ${message}`, 2, hints)
  }
  return {
    file,
    values: Object.fromEntries(decoded.values),
    lines: Object.fromEntries(decoded.values.map(([key]) => [key, lineOf(key)])),
  }
}

/** `FILE:LINE`, or the file alone. */
export const placeOf = (file: string, line: number | undefined): string =>
  line === undefined ? file : `${file}:${line}`

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readTrusted(file, MAX_BYTES))
  } catch (error) {
    const code = errorCode(error)
    const reason = code === undefined || code.startsWith('ERR_') ? (error as Error).message : osErrorText(code)
    throw new UsageError(`cannot read the configuration ${file}: ${reason}`, 1)
  }
}

/**
 * Says where an option comes from that is at fault: an error of the command line names it with its dashes.
 * `isSet`: whether the command line sets it, and so wins.
 */
export function blameFile(error: UsageError, { file, lines }: Config, isSet: (key: string) => boolean): UsageError {
  const named = [...error.message.matchAll(/--([a-z0-9-]+)/g)].map(([, name = '']) => name)
  const [first, ...others] = named.filter((name) => Object.hasOwn(lines, name) && !isSet(name))
  const keys = Object.keys(lines).filter((key) => !isSet(key))
  if (first === undefined) {
    const hints = named.length > 0 || keys.length === 0 ? [] : [`${file} sets ${keys.join(', ')}`]
    return new UsageError(error.message, error.exitCode, [...error.hints, ...hints])
  }
  const hints = [...new Set(others)].filter((name) => name !== first)
  const places = hints.map((name) => `${name} is set in ${placeOf(file, lines[name])}`)
  return new UsageError(`${placeOf(file, lines[first])}: ${error.message}`, error.exitCode, [...error.hints, ...places])
}

/** Option parsing of all commands: `parseArgs`, with errors that say what to do. */
import { parseArgs } from 'node:util'
import type { ParseArgsOptionsConfig } from 'node:util'
import { UsageError } from '../../base/usage-error.ts'
import { nearest } from './nearest.ts'

/** What to say of options that other programs have and this command has not, by the option with its dashes. */
export type Advice = Readonly<Record<string, string>>

/** An invalid command line: exit code 2. */
export const usageError = (message: string, ...hints: string[]): UsageError => new UsageError(message, 2, hints)

type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>

/**
 * Parses options and positional arguments in any order. `allowNegative`: `--no-NAME` sets the flag NAME to false.
 * @throws {UsageError} for unknown options, missing values, and a repeated option that is not `multiple`
 */
export function parseOptions<const T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
  advice: Advice = {},
  allowNegative = false,
): Parsed<T> {
  const config: ParseArgsOptionsConfig = options
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...args],
      options: config,
      allowPositionals: true,
      allowNegative,
      tokens: true,
    })
    refuseTwice(tokens, config)
    return { values, positionals } as Parsed<T>
  } catch (error) {
    throw error instanceof UsageError ? error : explained(error as Error, options, advice)
  }
}

/** A flag says the same twice as once; of two values one would be lost. */
function refuseTwice(tokens: readonly { kind: string; name?: string }[], options: ParseArgsOptionsConfig): void {
  const seen = new Set<string>()
  for (const { kind, name = '' } of tokens) {
    if (kind !== 'option' || options[name]?.multiple === true || options[name]?.type === 'boolean') continue
    if (seen.has(name)) throw usageError(`option --${name} was given twice`)
    seen.add(name)
  }
}

/** The texts of `parseArgs`: the option stands in quotes, with its short form before it and `<value>` behind it. */
const UNKNOWN = /^Unknown option '(-{1,2}[^']*)'/
const NAMED = /^Option '(?:-., )?(-[^' ]+)(?: <value>)?' (.*)/

function explained({ message }: Error, options: ParseArgsOptionsConfig, advice: Advice): UsageError {
  const [line = ''] = message.split('\n', 1)
  const unknown = UNKNOWN.exec(line)?.[1]
  if (unknown !== undefined) return unknownOption(unknown, options, advice)
  const [, name, fault = ''] = NAMED.exec(line) ?? []
  if (name === undefined) return usageError(`${line.charAt(0).toLowerCase()}${line.slice(1)}`)
  if (fault.startsWith('argument missing')) return usageError(`${name} takes a value`)
  if (fault.startsWith('argument is ambiguous'))
    return usageError(`${name} takes a value, and an option follows it`, `a value with a dash: ${name}=-VALUE`)
  if (fault.startsWith('does not take')) return usageError(`${name} takes no value`)
  return usageError(`${name} ${fault}`)
}

function unknownOption(option: string, options: ParseArgsOptionsConfig, advice: Advice): UsageError {
  const said = advice[option]
  if (said !== undefined) return usageError(said)
  const meant = option.startsWith('--')
    ? nearest(
        option,
        Object.keys(options).map((name) => `--${name}`),
      )
    : undefined
  return usageError(`there is no option ${option}`, ...(meant === undefined ? [] : [`did you mean ${meant}?`]))
}

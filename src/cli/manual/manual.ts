/** What the shells' completions and the man page are made of: the table of commands, and the help of each. */
import type { ParseArgsOptionsConfig } from 'node:util'
import { parseHelp } from './parse-help.ts'

/** What a command tells of itself. */
export type CommandManual = {
  /** The text of `--help`. */
  help: string
  /** Its options, for `parseArgs`. */
  options: ParseArgsOptionsConfig
  /** The values of options that take one of a few, by the option's long name. */
  choices?: Readonly<Record<string, readonly string[]>>
  /** What its arguments are: local files, a command with arguments of its own, or some of a few words. */
  operands?: 'files' | 'command' | readonly string[]
}

/** An option as a person sees it. */
export type ManualOption = {
  /** With their dashes, short ones first. */
  names: readonly string[]
  /** Undefined: it takes no value. */
  value: OptionValue | undefined
  isRepeatable: boolean
  /** In one line. */
  help: string
}

export type OptionValue = {
  /** As in the help: PATH, N. */
  name: string
  isFile: boolean
  /** Empty: any. */
  choices: readonly string[]
}

/** A command, or the server (whose name is empty). */
export type ManualPage = {
  name: string
  usage: string
  summary: string
  usesDevbox: boolean
  options: readonly ManualOption[]
  operands: NonNullable<CommandManual['operands']>
  /** What the help says beside the options, in paragraphs. */
  paragraphs: readonly string[]
}

/** The server, and the commands in the order of the help. */
export type Manual = { server: ManualPage; commands: readonly ManualPage[] }

type Summary = Pick<ManualPage, 'name' | 'usage' | 'summary' | 'usesDevbox'>

/** Values that are paths on this machine. */
const FILE_VALUES = ['PATH', 'FILE']

/**
 * Puts a command's page together.
 * @throws Error if its help does not mention an option
 */
export function manualPage({ name, usage, summary, usesDevbox }: Summary, manual: CommandManual): ManualPage {
  const { options, paragraphs } = parseHelp(manual.help)
  return {
    name,
    usage,
    summary,
    usesDevbox,
    paragraphs,
    operands: manual.operands ?? [],
    options: Object.entries(manual.options).map(([long, { type, multiple }]) => {
      // A flag that is on by default is shown as its opposite.
      const found = options.find(({ names }) => names.includes(`--${long}`) || names.includes(`--no-${long}`))
      if (found === undefined) throw new Error(`the help of exec-server ${name} does not mention --${long}`)
      const { names, help, value = 'VALUE' } = found
      const choices = manual.choices?.[long] ?? []
      const takes = type === 'string' ? { name: value, isFile: FILE_VALUES.includes(value), choices } : undefined
      return { names, value: takes, isRepeatable: multiple === true, help }
    }),
  }
}

/** What an option does, without its details: for a list of completions. */
export const shortHelp = (help: string): string => help.replace(/(?:[;:] | \().*$/, '')

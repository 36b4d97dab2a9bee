/** `exec-server help` and `exec-server version`, and the error for a command that there is not. */
import { version } from '../base/version.ts'
import type { UsageError } from '../base/usage-error.ts'
import { nearest } from './base/nearest.ts'
import { parseOptions, usageError } from './base/parse-options.ts'
import type { CommandManual } from './manual/manual.ts'
import { help } from './serve/help.ts'
import type { CommandSummary } from './serve/help.ts'
import { reportingUsage } from './serve/reporting-usage.ts'
import { writeStdout } from './serve/stdout.ts'

/** A command of the table. */
type Command = CommandSummary & { run(args: readonly string[]): Promise<void> }

const options = { help: { type: 'boolean', short: 'h' } } as const
const HELP_OPTION = '  -h, --help                show this text\n'

const HELP_HELP = `Shows what there is, or the help of a command.

Usage: exec-server help [COMMAND]

${HELP_OPTION}`

const VERSION_HELP = `Shows the version.

Usage: exec-server version

${HELP_OPTION}`

export const helpManual = (commands: readonly Command[]): CommandManual => ({
  help: HELP_HELP,
  options,
  operands: commands.map(({ name }) => name),
})

export const versionManual: CommandManual = { help: VERSION_HELP, options }

/** Prints the help, or that of the command that is named. Sets the exit code. */
export function helpCommand(args: readonly string[], commands: readonly Command[]): Promise<void> {
  return reportingUsage(async () => {
    const { values, positionals } = parseOptions(args, options)
    if (values.help === true) return writeStdout(HELP_HELP)
    if (positionals.length > 1) throw usageError('help takes one COMMAND')
    const [name] = positionals
    if (name === undefined) return writeStdout(help(commands))
    const command = commands.find((each) => each.name === name)
    if (command === undefined) throw unknownCommand(name, commands)
    return command.run(['--help'])
  }, 'help')
}

/** Prints the version. Sets the exit code. */
export function versionCommand(args: readonly string[]): Promise<void> {
  return reportingUsage(async () => {
    const { values, positionals } = parseOptions(args, options)
    if (values.help === true) return writeStdout(VERSION_HELP)
    if (positionals.length > 0) throw usageError('version takes no arguments')
    writeStdout(`exec-server ${version}\n`)
  }, 'version')
}

/** What other programs call these commands. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  exec: 'run',
  shell: 'run',
  ssh: 'run',
  ls: 'ps',
  list: 'ps',
  stop: 'kill',
  copy: 'cp',
  scp: 'cp',
  curl: 'http',
  fetch: 'http',
}

/** The error for a command that there is not. */
export function unknownCommand(text: string, commands: readonly CommandSummary[]): UsageError {
  const names = commands.map(({ name }) => name)
  const meant = (Object.hasOwn(OTHER_NAMES, text) ? OTHER_NAMES[text] : undefined) ?? nearest(text, names)
  return usageError(
    `there is no command '${text.split('\n', 1)[0]}'`,
    meant === undefined ? `there are: ${names.join(', ')}` : `did you mean ${meant}?`,
  )
}

/** `exec-server completions` and `exec-server man`: both are made from the table of commands. */
import process from 'node:process'
import { UsageError } from '../base/usage-error.ts'
import { version } from '../base/version.ts'
import { writeOut } from './devbox/io/write-out.ts'
import { bashCompletion } from './manual/bash.ts'
import { fishCompletion } from './manual/fish.ts'
import { manPage } from './manual/man-page.ts'
import { manualPage } from './manual/manual.ts'
import type { CommandManual, Manual } from './manual/manual.ts'
import { zshCompletion } from './manual/zsh.ts'
import type { CommandSummary } from './serve/help.ts'
import { serverManual } from './serve/manuals.ts'
import { reportingUsage } from './serve/reporting-usage.ts'

/** A command of the table. */
type Command = CommandSummary & { manual(): Promise<CommandManual> }

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const

/** A shell that there is a completion for. */
export type Shell = keyof typeof SHELLS

export const shells = Object.keys(SHELLS) as Shell[]

const COMPLETIONS_HELP = `Prints what makes a shell complete commands and options.

Usage: exec-server completions bash|zsh|fish

For bash add this line to ~/.bashrc: source <(exec-server completions bash)

For zsh, behind compinit in ~/.zshrc: source <(exec-server completions zsh)

For fish, once: exec-server completions fish > ~/.config/fish/completions/exec-server.fish
`

const MAN_HELP = `Prints the man page.

Usage: exec-server man

To read it: exec-server man | man -l -
`

export const completionsManual: CommandManual = { help: COMPLETIONS_HELP, options: {}, operands: shells }
export const manManual: CommandManual = { help: MAN_HELP, options: {} }

/** The texts of all commands. */
export async function collectManual(commands: readonly Command[]): Promise<Manual> {
  const server = {
    name: '',
    usage: '[options]',
    summary: 'lets a coding agent work on this machine',
    usesDevbox: false,
  }
  return {
    server: manualPage(server, serverManual(commands)),
    commands: await Promise.all(commands.map(async (command) => manualPage(command, await command.manual()))),
  }
}

/** The completion script for this shell. */
export const completionFor = (shell: Shell, manual: Manual): string => SHELLS[shell](manual)

/** Prints the completion script for the shell that the argument names. Sets the exit code. */
export function completions(args: readonly string[], commands: readonly Command[]): Promise<void> {
  return reportingUsage(async () => {
    if (asksForHelp(args)) return print(COMPLETIONS_HELP)
    const shell = shells.find((each) => each === args[0])
    if (shell === undefined || args.length > 1)
      throw new UsageError(`completions takes one of ${shells.join(', ')}, not '${args.join(' ')}'`, 2)
    return print(completionFor(shell, await collectManual(commands)))
  }, 'completions')
}

/** Prints the man page. Sets the exit code. */
export function man(args: readonly string[], commands: readonly Command[]): Promise<void> {
  return reportingUsage(async () => {
    if (asksForHelp(args)) return print(MAN_HELP)
    if (args.length > 0) throw new UsageError('man takes no arguments', 2)
    return print(manPage(await collectManual(commands), version))
  }, 'man')
}

const asksForHelp = (args: readonly string[]): boolean =>
  args.length === 1 && ['--help', '-h'].includes(args[0] as string)

async function print(text: string): Promise<void> {
  process.exitCode = await writeOut(text)
}

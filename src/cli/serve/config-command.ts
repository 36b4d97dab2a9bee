/** `exec-server config`: the options that a server would have, and where each comes from. */
import { settingsJson, settingsOf, settingsToml } from '../config/effective-config.ts'
import type { CommandManual } from '../manual/manual.ts'
import { parseServe, parseServeOptions, serveOptions } from './arguments.ts'
import { reportingUsage } from './reporting-usage.ts'
import { writeStdout } from './stdout.ts'
import { configOf, withConfig } from './with-config.ts'

const HELP = `Shows the options that a server would have, each with where it comes from. Starts nothing.

Usage: exec-server config [--json] [options of the server]

  --config FILE  the file to read options from, besides the command line
  --json         one JSON object: file, and options with value, from (command line, file or default), line
  -h, --help     show this text

Without --json it prints a file for --config with the same effect. No secret is in it: options name the files that hold one.
Exits 2 if a server would not start with these options.
`

export const manual: CommandManual = {
  help: HELP,
  options: { config: serveOptions.config, json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
}

/** Prints them. Sets the exit code. */
export function configCommand(args: readonly string[]): Promise<void> {
  return reportingUsage(async () => {
    const own = args.filter((arg) => arg !== '--json')
    const command = await withConfig(own, parseServe)
    if (command.kind !== 'serve') return writeStdout(HELP)
    const config = await configOf(own)
    const settings = settingsOf(serveOptions, parseServeOptions(own), config)
    const isJson = own.length < args.length
    writeStdout(isJson ? settingsJson(settings, config?.file) : await settingsToml(settings, config?.file))
  }, 'config')
}

/** Parses a command line together with the configuration file that it names. */
import { configFile } from '../config/config-argument.ts'
import type { Config } from '../config/read-config.ts'
import { UsageError } from '../../base/usage-error.ts'
import { parseServeOptions, serveOptions } from './arguments.ts'
import type { FileValues } from './arguments.ts'

/**
 * Calls `parse` with the values of the file that the arguments name. Its errors tell which line of the file is at fault.
 * @throws {UsageError}
 */
export async function withConfig<T>(
  args: readonly string[],
  parse: (args: readonly string[], fromFile: FileValues) => T,
): Promise<T> {
  const config = await configOf(args)
  if (config === undefined) return parse(args, {})
  try {
    return parse(args, config.values)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const { blameFile } = await import('../config/read-config.ts')
    const given = parseServeOptions(args)
    throw blameFile(error, config, (key) => Object.hasOwn(given, key))
  }
}

/**
 * The configuration file that the arguments name. Its modules are loaded only then.
 * @throws {UsageError}
 */
export async function configOf(args: readonly string[]): Promise<Config | undefined> {
  const { config, help, version, licenses } = parseServeOptions(args)
  const { file } = configFile(config)
  if (file === undefined || help === true || version === true || licenses === true) return undefined
  return (await import('../config/read-config.ts')).readConfig(file, serveOptions)
}

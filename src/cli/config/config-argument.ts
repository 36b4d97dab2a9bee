/** Tells a configuration file from an override of Codex's own configuration: both are given with `--config`. */
import { usageError } from '../base/parse-options.ts'

/** A dotted key and `=`, as in `codex exec-server -c model="x"`. A file with such a name is given as `./NAME`. */
const OVERRIDE = /^[\w"'. -]+=/

/**
 * The file that `--config` names, if any, and whether overrides were given, too.
 * @throws {UsageError} for an empty value, and for two files
 */
export function configFile(given: readonly string[] = []): { file: string | undefined; hasOverrides: boolean } {
  const files = given.filter((value) => !OVERRIDE.test(value))
  if (files.includes('')) throw usageError('--config takes the path of a file')
  if (files.length > 1) throw usageError('--config takes one file, and was given two')
  return { file: files[0], hasOverrides: files.length < given.length }
}

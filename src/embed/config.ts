/** Checks the configuration of a server inside a program, as that of a file is checked. */
import { decodeConfig } from '../cli/config/config-schema.ts'
import { parseServe, serveOptions } from '../cli/serve/arguments.ts'
import type { ServeCommand } from '../cli/serve/arguments.ts'
import { UsageError } from '../base/usage-error.ts'
import type { ServerConfig } from './types.ts'

/** Options that are about a process of its own. */
export const PROCESS_OPTIONS = [
  'exit-when-idle',
  'on-idle',
  'connect',
  'token-file',
  'tls-ca',
  'allow-plaintext',
] as const

/**
 * The configuration as a file with it would have it.
 * @throws {UsageError} that says what is wrong
 */
export function parseServerConfig(config: ServerConfig): ServeCommand {
  const decoded = decodeConfig(config, serveOptions)
  if ('fault' in decoded) throw new UsageError(decoded.fault.message, 2, decoded.fault.hints)
  const values = Object.fromEntries(decoded.values)
  const ofProcess = PROCESS_OPTIONS.find((name) => values[name] !== undefined)
  if (ofProcess !== undefined) throw new UsageError(`${ofProcess} is for a server that is a process of its own`, 2)
  const command = parseServe([], values)
  if (command.kind !== 'serve') throw new UsageError(`${command.kind} is for the command line`, 2)
  if (command.listen.kind === 'stdio')
    throw new UsageError('a program that serves on stdin and stdout hands them over: serveStreams', 2)
  return command
}

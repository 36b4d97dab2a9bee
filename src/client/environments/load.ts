/** Loads this machine's environment configuration. Not for browsers. */
import process from 'node:process'
import { defaultLimits } from '../../core/base/limits.ts'
import { configFiles, NoHomeError } from '../../host/fs/config-files.ts'
import { connect } from '../connect.ts'
import { messageOf } from '../base/errors.ts'
import { EnvironmentConfigError } from './errors.ts'
import { createEnvironmentManager } from './manager.ts'
import type { EnvironmentManager, EnvironmentManagerOptions } from './manager.ts'
import type { EnvironmentSettings } from './spec.ts'
import { parseEnvironments } from './toml.ts'
import { environmentsOfVariable } from './variables.ts'

/** Where to look for the configuration. */
export type EnvironmentSource = {
  /**
   * Directory of environments.toml. Default: $CODEX_HOME, or `.codex` in the home directory. Except for that last
   * default, it must exist.
   */
  codexHome?: string | undefined
  /** Environment variables. Default: those of this process. */
  env?: NodeJS.ProcessEnv | undefined
}

/**
 * Reads $CODEX_HOME/environments.toml or, if there is no such file, CODEX_EXEC_SERVER_URL.
 * @throws {EnvironmentConfigError} If the file is unreadable or invalid.
 */
export async function readEnvironmentSettings({
  codexHome,
  env = process.env,
}: EnvironmentSource = {}): Promise<EnvironmentSettings> {
  const files = configFiles(
    defaultLimits.configFile,
    undefined,
    codexHome === undefined ? env : { ...env, CODEX_HOME: codexHome },
  )
  let home: string
  let text: string | undefined
  try {
    home = (await files.homes()).codex
    text = await files.read(`${home}/environments.toml`)
  } catch (error) {
    // As in a container without a user: then there is no file, either.
    if (error instanceof NoHomeError) return environmentsOfVariable(env['CODEX_EXEC_SERVER_URL'])
    throw new EnvironmentConfigError(messageOf(error))
  }
  return text === undefined ? environmentsOfVariable(env['CODEX_EXEC_SERVER_URL']) : parseEnvironments(text, home)
}

/** Options of {@link loadEnvironmentManager}. */
export type LoadOptions = EnvironmentSource & Pick<EnvironmentManagerOptions, 'client'>

/**
 * Creates a manager of the environments that Codex itself would use here, without connecting.
 * @throws {EnvironmentConfigError} If the file is unreadable or invalid.
 * @example
 * await using environments = await loadEnvironmentManager()
 * const client = await environments.get('devbox')?.client()
 */
export async function loadEnvironmentManager({ client, ...source }: LoadOptions = {}): Promise<EnvironmentManager> {
  return createEnvironmentManager({ ...(await readEnvironmentSettings(source)), connect, client })
}

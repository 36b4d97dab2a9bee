/** Where environments are configured on this machine. Not for browsers. */
import process from 'node:process'
import { defaultLimits } from '../../core/base/limits.ts'
import { configFiles } from '../../host/fs/config-files.ts'
import { connect } from '../connect.ts'
import { messageOf } from '../base/errors.ts'
import { EnvironmentConfigError } from './errors.ts'
import { createEnvironmentManager } from './manager.ts'
import type { EnvironmentManager, EnvironmentManagerOptions } from './manager.ts'
import type { EnvironmentSettings } from './spec.ts'
import { parseEnvironments } from './toml.ts'
import { environmentsOfVariable } from './variables.ts'

export type EnvironmentSource = {
  /** Where environments.toml is looked for; absent: CODEX_HOME, or `.codex` in the home directory. It must exist in the first two cases. */
  codexHome?: string | undefined
  /** Absent: the environment of this process. */
  env?: NodeJS.ProcessEnv | undefined
}

/**
 * What $CODEX_HOME/environments.toml says, and only where there is no such file what CODEX_EXEC_SERVER_URL does.
 * Throws EnvironmentConfigError for a file that cannot be read or understood.
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
    throw new EnvironmentConfigError(messageOf(error))
  }
  return text === undefined ? environmentsOfVariable(env['CODEX_EXEC_SERVER_URL']) : parseEnvironments(text, home)
}

export type LoadOptions = EnvironmentSource & Pick<EnvironmentManagerOptions, 'client'>

/** The environments that Codex itself would have here. Nothing is connected yet. Throws as `readEnvironmentSettings` does. */
export async function loadEnvironmentManager({ client, ...source }: LoadOptions = {}): Promise<EnvironmentManager> {
  return createEnvironmentManager({ ...(await readEnvironmentSettings(source)), connect, client })
}

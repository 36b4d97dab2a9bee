/** What is in the user's CODEX_HOME. */
import { defaultLimits } from '../../../core/base/limits.ts'
import { parseToml } from '../../../core/codex-config/toml.ts'
import type { TomlTable } from '../../../core/codex-config/toml.ts'
import { messageOf } from '../../../client/base/errors.ts'
import type { EnvironmentSettings } from '../../../client/environments/spec.ts'
import { parseEnvironments } from '../../../client/environments/toml.ts'
import { configFiles } from '../../../host/fs/config-files.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'

/** The user's CODEX_HOME. */
export type CodexHome = {
  path: string
  /** Of environments.toml; undefined: there is none. */
  text: string | undefined
  /** The user's config.toml; empty if there is none, or Codex itself will complain. */
  config(): Promise<TomlTable>
}

/** @throws {CommandError} if there is none, or environments.toml cannot be read */
export async function openCodexHome(): Promise<CodexHome> {
  const files = configFiles(defaultLimits.configFile)
  try {
    const path = (await files.homes()).codex
    return {
      path,
      text: await files.read(`${path}/environments.toml`),
      config: async () => {
        const text = await files.read(`${path}/config.toml`).catch(() => undefined)
        return parseToml(text ?? '', 'config.toml').catch(() => ({}))
      },
    }
  } catch (error) {
    throw new CommandError(messageOf(error), OWN_FAILURE)
  }
}

/** What environments.toml says; undefined without one, `invalid` if Codex would reject it. */
export async function settingsOf({ path, text }: CodexHome): Promise<EnvironmentSettings | 'invalid' | undefined> {
  return text === undefined ? undefined : parseEnvironments(text, path).catch(() => 'invalid' as const)
}

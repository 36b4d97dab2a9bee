/** CODEX_EXEC_SERVER_URL, which counts where there is no environments.toml. */
import { isNone, LOCAL, localSpec } from './spec.ts'
import type { EnvironmentSettings } from './spec.ts'
import { trimmed } from './trim-rust.ts'

/** The environment that the variable's URL makes. */
export const REMOTE = 'remote'

/**
 * Nothing: this process alone. `none`, in any case: no environment. A URL: that one and, as in Codex from 0.140 on, not this
 * process beside it. The URL is not looked at before its first use.
 */
export function environmentsOfVariable(value: string | undefined): EnvironmentSettings {
  const url = trimmed(value ?? '')
  if (url === '') return { environments: [localSpec], defaultId: LOCAL }
  if (isNone(url)) return { environments: [] }
  return { environments: [{ id: REMOTE, url }], defaultId: REMOTE }
}

/** CODEX_EXEC_SERVER_URL, which is used if there is no environments.toml. */
import { isNone, LOCAL, localSpec } from './spec.ts'
import type { EnvironmentSettings } from './spec.ts'
import { trimmed } from './trim-rust.ts'

/** The id of the variable's environment. */
export const REMOTE = 'remote'

/**
 * The environments that a value of CODEX_EXEC_SERVER_URL stands for. Unset or empty: this process only. `none`, in any case: no environment. A URL: that environment only, as in Codex
 * from 0.140 on. The URL is not checked before its first use.
 */
export function environmentsOfVariable(value: string | undefined): EnvironmentSettings {
  const url = trimmed(value ?? '')
  if (url === '') return { environments: [localSpec], defaultId: LOCAL }
  if (isNone(url)) return { environments: [] }
  return { environments: [{ id: REMOTE, url }], defaultId: REMOTE }
}

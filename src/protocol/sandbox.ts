/** The sandbox object that requests carry: which of them ask for something to be enforced. */
import * as v from 'valibot'
import { isJsonObject } from './json.ts'
import type { JsonValue } from './json.ts'
import { optional } from './scalars.ts'

/** Any value is taken, so that a shape that is not understood is refused as a sandbox and not overlooked. */
export const Sandbox = optional(v.custom<JsonValue>(() => true))
export type Sandbox = v.InferOutput<typeof Sandbox>

/** Whether file calls under this sandbox may run unconfined. What is not known to be open is closed. */
export function opensFiles(sandbox: Sandbox): boolean {
  if (sandbox === null || sandbox === undefined) return true
  if (!isJsonObject(sandbox)) return false
  const policy = sandbox['sandboxPolicy']
  if (isJsonObject(policy)) return policy['type'] === 'danger-full-access' && isNothing(sandbox['fileSystemSandboxPolicy'])
  const permissions = sandbox['permissions']
  if (!isJsonObject(permissions)) return false
  switch (permissions['type']) {
    case 'disabled':
    case 'external':
      return true
    case 'managed': {
      const files = permissions['file_system']
      return isJsonObject(files) && files['type'] === 'unrestricted'
    }
    default:
      return false
  }
}

/** Whether a command under this sandbox may run unconfined: files and network must both be open. */
export function opensProcess(sandbox: Sandbox): boolean {
  if (!opensFiles(sandbox)) return false
  const permissions = isJsonObject(sandbox ?? null) ? (sandbox as { permissions?: JsonValue }).permissions : undefined
  if (!isJsonObject(permissions) || permissions['type'] === 'disabled') return true
  return permissions['network'] === 'enabled'
}

function isNothing(value: JsonValue | undefined): boolean {
  return value === null || value === undefined
}

/** What --require-sandbox and prepared starts ask of a sandbox: that it confines files, not only that there is one. */
import { unconfinedPath } from '../../sandbox/linux/confinement.ts'
import { MINIMAL_PATHS } from '../../sandbox/policy/policy.ts'
import type { Policy } from '../../sandbox/policy/policy.ts'
import { planNow, realPath } from './sandboxes.ts'

/**
 * Why this is no sandbox in that sense, as the end of a sentence; undefined if it is one. The mounts are judged that a
 * policy comes to here, as links and aliases hide in its words what it grants. Without a policy every file may be written.
 * @throws RpcError (invalid params) if the policy cannot be enforced
 */
export function whyNoSandbox(policy: Policy | undefined): string | undefined {
  const path = policy === undefined ? '/' : unconfinedPath(planNow(policy), MINIMAL_PATHS.map(realPath))
  return path && `in a sandbox that confines nothing: ${path} may be written`
}

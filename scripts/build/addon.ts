/** node-pty's files for a target. */
import { dirname, join } from 'node:path'
import { packagedAddon, PTY_ASSET } from '../../src/host/process/pty-addon.ts'
import { SPAWN_HELPER } from '../../src/host/process/spawn-helper.ts'
import type { Target } from './targets.ts'

/** The assets that the executable needs for terminals: name to path. */
export function terminalAssets(target: Target): Record<string, string> {
  const addon = packagedAddon(target)
  if (target.platform !== 'darwin') return { [PTY_ASSET]: addon }
  return { [PTY_ASSET]: addon, [SPAWN_HELPER]: join(dirname(addon), SPAWN_HELPER) }
}

/** Judges a finished mount plan: whether it confines files at all. */
import { isWithin } from '../../base/paths.ts'
import type { MountPlan } from './mounts.ts'

/**
 * The first path that takes the meaning from a sandbox, because who may write it decides what runs outside: the root, or
 * one of the system's directories in whole. Undefined if the plan confines. The directories are without links.
 */
export function unconfinedPath({ base, mounts }: MountPlan, systemDirectories: readonly string[]): string | undefined {
  if (base === 'writable') return '/'
  return systemDirectories.find((directory) => {
    // Ordered by depth, so the last mount that contains the path is the deepest.
    const mount = mounts.findLast(({ path }) => isWithin(directory, path))
    return mount?.kind === 'bind' && mount.writable
  })
}

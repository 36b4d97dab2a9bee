/** The Node of each target: the running one, or a package of the registry. */
import { join } from 'node:path'
import { fetchPackage } from './npm-package.ts'
import { RUNTIME_VERSION, RUNTIMES, runsHere } from './targets.ts'
import type { Target } from './targets.ts'

/**
 * Path of the target's Node, as it was published. Downloads it the first time.
 * @throws Error if it cannot be had, or is not what it should be
 */
export function runtimeOf(target: Target, root: string): string {
  if (runsHere(target)) return process.execPath
  // The bundle's code cache and the format of the assets are those of one version.
  if (process.versions.node !== RUNTIME_VERSION) {
    throw new Error(
      `this is Node ${process.versions.node}, and the checksums in scripts/build are of ${RUNTIME_VERSION}`,
    )
  }
  const runtime = { ...RUNTIMES[`${target.platform}-${target.arch}`], version: RUNTIME_VERSION }
  return join(fetchPackage(runtime, ['bin/node', 'LICENSE'], root), 'bin', 'node')
}

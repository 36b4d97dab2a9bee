/** The Node of each target: the running one, or a package of the registry. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { RUNTIME_VERSION, RUNTIMES, runsHere } from './targets.ts'
import type { Target } from './targets.ts'

/** Where downloads are kept. */
export const cacheFolder = (root: string): string => join(root, 'node_modules', '.cache', 'exec-server-build')

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
  const { name, integrity } = RUNTIMES[`${target.platform}-${target.arch}`]
  const folder = join(cacheFolder(root), `${name}-${RUNTIME_VERSION}`)
  const node = join(folder, 'package', 'bin', 'node')
  if (existsSync(node)) return node
  mkdirSync(cacheFolder(root), { recursive: true })
  const partial = mkdtempSync(`${folder}.partial-`)
  try {
    console.log(`downloading ${name}@${RUNTIME_VERSION}`)
    // npm knows the user's registry and proxy.
    execFileSync('npm', ['pack', '--silent', `${name}@${RUNTIME_VERSION}`, '--pack-destination', partial], {
      cwd: partial,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const archive = join(partial, readdirSync(partial)[0] as string)
    verifyIntegrity(readFileSync(archive), integrity, name)
    execFileSync('tar', ['-xzf', archive, '-C', partial, 'package/bin/node', 'package/LICENSE'])
    rmSync(archive)
    renameSync(partial, folder)
  } catch (error) {
    // Another build may have downloaded the same at the same time.
    if (!existsSync(node)) throw error
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return node
}

/** @throws Error if the content has another checksum */
export function verifyIntegrity(content: Uint8Array, integrity: string, name: string): void {
  const [algorithm] = integrity.split('-', 1) as [string]
  const actual = `${algorithm}-${createHash(algorithm).update(content).digest('base64')}`
  if (actual !== integrity) throw new Error(`${name} has the checksum ${actual} instead of ${integrity}`)
}

/** Packages of the npm registry, as they were published. They are downloaded once and kept. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Where downloads are kept. */
export const cacheFolder = (root: string): string => join(root, 'node_modules', '.cache', 'exec-server-build')

/** `integrity`: the checksum of the archive as the registry gives it (subresource integrity). */
export type PublishedPackage = { name: string; version: string; integrity: string }

/**
 * The folder with some files of a package. Downloads it the first time. `members`: paths in the package.
 * @throws Error if it cannot be had, or is not what it should be
 */
export function fetchPackage(
  { name, version, integrity }: PublishedPackage,
  members: readonly string[],
  root: string,
): string {
  const folder = join(cacheFolder(root), `${name.replace('/', '+')}-${version}`)
  const content = join(folder, 'package')
  if (members.every((member) => existsSync(join(content, member)))) return content
  mkdirSync(cacheFolder(root), { recursive: true })
  const partial = mkdtempSync(`${folder}.partial-`)
  try {
    console.log(`downloading ${name}@${version}`)
    // npm knows the user's registry and proxy.
    execFileSync('npm', ['pack', '--silent', `${name}@${version}`, '--pack-destination', partial], {
      cwd: partial,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    const archive = join(partial, readdirSync(partial)[0] as string)
    verifyIntegrity(readFileSync(archive), integrity, name)
    execFileSync('tar', ['-xzf', archive, '-C', partial, ...members.map((member) => `package/${member}`)])
    rmSync(archive)
    renameSync(partial, folder)
  } catch (error) {
    // Another build may have downloaded the same at the same time.
    if (!existsSync(content)) throw error
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return content
}

/** @throws Error if the content has another checksum */
export function verifyIntegrity(content: Uint8Array, integrity: string, name: string): void {
  const [algorithm] = integrity.split('-', 1) as [string]
  const actual = `${algorithm}-${createHash(algorithm).update(content).digest('base64')}`
  if (actual !== integrity) throw new Error(`${name} has the checksum ${actual} instead of ${integrity}`)
}

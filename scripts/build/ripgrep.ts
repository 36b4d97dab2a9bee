/** ripgrep for a target. It comes with the executable, for commands of clients that ask for it. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { RIPGREP, ripgrepPackage } from '../../src/host/tools/ripgrep.ts'
import { fetchPackage } from './npm-package.ts'
import type { Target } from './targets.ts'

type Lock = { packages: Record<string, { version?: string; integrity?: string }> }

/**
 * The program's path, and its SHA-256 in hexadecimal. npm installs only that of this machine; others are downloaded.
 * @throws Error if it cannot be had, or is not what it should be
 */
export function ripgrepOf({ platform, arch }: Target, root: string): { path: string; hash: string } {
  const name = ripgrepPackage(platform, arch)
  const installed = join(root, 'node_modules', name, 'bin', RIPGREP)
  const path = existsSync(installed) ? installed : fetchRipgrep(name, root)
  return { path, hash: createHash('sha256').update(readFileSync(path)).digest('hex') }
}

function fetchRipgrep(name: string, root: string): string {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock
  const { version, integrity } = packages[`node_modules/${name}`] ?? {}
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json has no checksum of ${name}`)
  return join(fetchPackage({ name, version, integrity }, [`bin/${RIPGREP}`], root), 'bin', RIPGREP)
}

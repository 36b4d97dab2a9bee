/** Where this program's ripgrep is: an asset of the executable, or a package of npm. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import process from 'node:process'
import { getRawAsset, isSea } from '../../base/sea.ts'

/** The program's name in its folder, and among the executable's assets. */
export const RIPGREP = 'rg'

/** The asset with the program's SHA-256 in hexadecimal. */
export const RIPGREP_HASH_ASSET = 'rg-sha256'

/** The npm package that holds the program for a platform. */
export const ripgrepPackage = (platform: string, arch: string): string => `@vscode/ripgrep-${platform}-${arch}`

/** A program inside the executable. */
export type EmbeddedProgram = { name: string; hash: string; bytes: () => Uint8Array }

/** ripgrep inside the executable. Undefined: this is not the executable. */
export function embeddedRipgrep(): EmbeddedProgram | undefined {
  if (!isSea()) return undefined
  const hash = new TextDecoder().decode(getRawAsset(RIPGREP_HASH_ASSET))
  return { name: RIPGREP, hash, bytes: () => new Uint8Array(getRawAsset(RIPGREP)) }
}

/** The folder of the package's ripgrep. Undefined: it is not installed. */
export function packagedRipgrepFolder(): string | undefined {
  try {
    const path = createRequire(import.meta.url).resolve(
      `${ripgrepPackage(process.platform, process.arch)}/bin/${RIPGREP}`,
    )
    return existsSync(path) ? dirname(path) : undefined
  } catch {
    return undefined
  }
}

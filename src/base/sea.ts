/** Access to the single executable application (SEA) and its assets. */
import process from 'node:process'

type Sea = { isSea(): boolean; getRawAsset(key: string): ArrayBuffer; getAssetKeys(): string[] }

// Deno has no node:sea.
const sea = process.getBuiltinModule?.('node:sea') as Sea | undefined

/** Whether this process is the single executable. */
export const isSea = (): boolean => sea?.isSea() ?? false

/**
 * The bytes of an embedded asset.
 * @throws if this is not the single executable, or there is no such asset
 */
export function getRawAsset(key: string): ArrayBuffer {
  if (sea === undefined) throw new Error('not a single executable')
  return sea.getRawAsset(key)
}

/** Whether this is the single executable and has this asset. */
export const hasAsset = (key: string): boolean => sea?.isSea() === true && sea.getAssetKeys().includes(key)

/** The asset that holds the path of the libraries that came with the executable. */
export const BUNDLED_LIBRARIES_ASSET = 'bundled-libraries'

/** The folder of the C library that came with the executable. Undefined: it uses the system's. */
export function bundledLibraries(): string | undefined {
  return hasAsset(BUNDLED_LIBRARIES_ASSET) ? new TextDecoder().decode(getRawAsset(BUNDLED_LIBRARIES_ASSET)) : undefined
}

/** The asset with the licence notices of everything inside the executable. */
export const NOTICES_ASSET = 'notices'

/** The licence notices. Undefined: this is not the executable. */
export const licenseNotices = (): string | undefined =>
  isSea() ? new TextDecoder().decode(getRawAsset(NOTICES_ASSET)) : undefined

/** Access to the single executable application (SEA) and its assets. */
import process from 'node:process'

type Sea = { isSea(): boolean; getRawAsset(key: string): ArrayBuffer }

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

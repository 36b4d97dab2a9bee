/** Whether this is the single executable, and what rides inside it. */
import process from 'node:process'

type Sea = { isSea(): boolean; getRawAsset(key: string): ArrayBuffer }

// Deno knows no such module.
const sea = process.getBuiltinModule?.('node:sea') as Sea | undefined

export const isSea = (): boolean => sea?.isSea() ?? false

export function getRawAsset(key: string): ArrayBuffer {
  if (sea === undefined) throw new Error('not a single executable')
  return sea.getRawAsset(key)
}

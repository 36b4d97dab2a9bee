/** node-pty's `spawn-helper`, through which its addon starts children on macOS: a program of its own. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { getRawAsset, isSea } from '../../base/sea.ts'
import { internalError } from '../../protocol/wire/errors.ts'
import { temporaryDirectory } from '../own-user.ts'
import { packagedAddon } from './pty-addon.ts'

/** The helper's name among the executable's assets, and beside the package's addon. */
export const SPAWN_HELPER = 'spawn-helper'

let written: string | undefined

/**
 * Path of the helper for `PtyAddon.fork`; empty on systems that do without.
 * @throws RpcError (internal) if the helper cannot be written
 */
export function spawnHelper(): string {
  if (process.platform !== 'darwin') return ''
  if (!isSea()) return join(dirname(packagedAddon()), SPAWN_HELPER)
  // macOS deletes temporary files that have not been used for days.
  if (written === undefined || !existsSync(written)) {
    try {
      written = writeSpawnHelper(new Uint8Array(getRawAsset(SPAWN_HELPER)))
    } catch (error) {
      throw internalError(`terminals are not available here: ${(error as Error).message}`)
    }
  }
  return written
}

/** Writes the program to a folder of its own, which is removed when this process exits. Returns its path. */
export function writeSpawnHelper(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(temporaryDirectory(), 'exec-server-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, SPAWN_HELPER)
  writeFileSync(path, bytes, { mode: 0o700, flag: 'wx' })
  return path
}

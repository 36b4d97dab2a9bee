/** Creates directories. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Guard } from './protected-paths.ts'
import { nativePath } from './native-path.ts'
import { isDeno } from '../../base/runtime.ts'
import { errorCode } from '../../base/os-error-text.ts'

/**
 * Creates a directory, with `recursive` its parents too; existing directories are then no error. Not `mkdir`'s own
 * recursion: that reports a missing parent (ENOENT) where the parent may not be created.
 * @throws an errno error
 */
export async function makeDirectories(path: string, recursive: boolean, guard: Guard): Promise<void> {
  // Deno would hang, and block every later call.
  if (isDeno && !path.isWellFormed()) throw Object.assign(new Error('a name that is not UTF-8'), { code: 'EILSEQ' })
  try {
    await guard.create(path, (place) => mkdir(place))
  } catch (error) {
    const code = errorCode(error)
    if (!recursive) throw error
    if (code === 'ENOENT' && path !== '/') {
      await makeDirectories(dirname(path), recursive, guard)
      return guard.create(path, (place) => mkdir(place))
    }
    const existing = await stat(nativePath(path)).catch(() => undefined)
    if (code !== 'EEXIST' || !existing?.isDirectory()) throw error
  }
}

/** Creates directories for this program's own files. */
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorCode } from './os-error-text.ts'

/**
 * Makes a directory with those above it, all for this user alone. Not by mkdir's own recursion: that never returns where the
 * file system says that a parent is missing which is there, as /proc does.
 * @throws the operating system's error
 */
export function makeDirectories(path: string): void {
  try {
    makeDirectory(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectories(dirname(path))
    makeDirectory(path)
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // A read-only file system may come before what is there already.
    if (!isDirectory(path)) throw error
  }
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

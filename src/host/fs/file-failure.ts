/**
 * Why a file call has failed, in words for the model that asked for it: which part of the path it is about, and what a
 * person could do. The message stays on one line and ends with the system's text.
 */
import { lstat, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errorCode, osErrorText } from '../../base/os-error-text.ts'
import { RpcError } from '../../protocol/wire/errors.ts'
import { fileError, shownPath } from '../os-error.ts'
import { nativePath } from './native-path.ts'

/** Converts the error of a file call about these paths. An RpcError is returned as it is. */
export async function fileFailure(error: unknown, paths: readonly string[]): Promise<RpcError> {
  const converted = fileError(error)
  const code = errorCode(error)
  if (error instanceof RpcError || code === undefined) return converted
  const path = await pathOf(error, code, paths)
  const about = path === undefined ? undefined : await fault(code, path)
  return about === undefined ? converted : new RpcError(converted.code, `${about}: ${osErrorText(code)}`)
}

/** What can only be wrong with the destination of a copy. */
const OF_DESTINATION = ['EEXIST', 'EISDIR', 'EROFS', 'ENOSPC', 'EDQUOT', 'ETXTBSY']

/** The path that the error is about. Of a copy the system does not tell which: undefined where that stays open. */
async function pathOf(
  error: unknown,
  code: string,
  [path, destination]: readonly string[],
): Promise<string | undefined> {
  if (path === undefined || destination === undefined) return path
  if (OF_DESTINATION.includes(code)) return destination
  if (code === 'ENOENT') return (await exists(path)) ? destination : path
  const named = error instanceof Error && 'path' in error && !('dest' in error) ? String(error.path) : undefined
  return [destination, path].find((each) => named === each || named?.startsWith(`${each}/`) === true)
}

async function fault(code: string, path: string): Promise<string | undefined> {
  const name = shownPath(path)
  switch (code) {
    case 'ENOENT':
      return missing(path)
    case 'ENOTDIR':
      return notADirectory(path)
    default:
      return FAULTS[code]?.(name)
  }
}

const FAULTS: Record<string, (name: string) => string> = {
  EACCES: (name) => `${name} may not be accessed by the user that the server runs as, or is denied by the sandbox`,
  EPERM: (name) => `${name} may not be changed by the user that the server runs as, or is protected by the sandbox`,
  EROFS: (name) => `${name} may not be written in the sandbox of this request, or is on a read-only file system`,
  EISDIR: (name) => `${name} is a directory`,
  EEXIST: (name) => `${name} exists already`,
  ENOTEMPTY: (name) => `directory ${name} is not empty`,
  EBUSY: (name) => `${name} is a mount, or in use`,
  ELOOP: (name) => `${name} is a symbolic link that is not followed here, or that leads in a circle`,
  ENOSPC: (name) => `the disk of ${name} is full: space must be freed on this devbox`,
  EDQUOT: (name) => `the quota for ${name} is used up: space must be freed on this devbox`,
  ETXTBSY: (name) => `${name} is a program that runs`,
}

/** Names the first directory that is missing, where it is not the path itself. */
async function missing(path: string): Promise<string> {
  const name = shownPath(path)
  let absent = path
  for (let above = dirname(path); above !== absent && !(await exists(above)); above = dirname(above)) absent = above
  if (absent !== path) return `${name}: directory ${shownPath(absent)} does not exist on this devbox`
  return `${name} ${(await exists(path)) ? 'is a symbolic link to what does not exist' : 'does not exist'} on this devbox`
}

/** Whether there is something of that name: also a link that leads nowhere. */
async function exists(path: string): Promise<boolean> {
  try {
    await lstat(nativePath(path))
    return true
  } catch (error) {
    return errorCode(error) !== 'ENOENT'
  }
}

/** Names the part of the path that is no directory, the path itself included. */
async function notADirectory(path: string): Promise<string> {
  const name = shownPath(path)
  for (let part = path; part !== '/'; part = dirname(part)) {
    const info = await stat(nativePath(part)).catch(() => undefined)
    if (info === undefined) continue
    if (info.isDirectory()) break
    return part === path ? `${name} is not a directory` : `${name}: ${shownPath(part)} is not a directory`
  }
  return `${name} is not a directory`
}

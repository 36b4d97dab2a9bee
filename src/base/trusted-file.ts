/**
 * Opens the files that this program is given: a token, a secret, rules, a log. A file that another user can write or
 * replace is refused: with it that user could let himself in.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import process from 'node:process'
import { errorCode } from './os-error-text.ts'

/** The file could be another user's doing. The message says why, and what to do. */
export class UntrustedFileError extends Error {}

/** Writable for the group or others. */
const SHARED_WRITE = 0o022
const STICKY = 0o1000

/** More symbolic links than the kernel follows. */
const MAX_LINKS = 40

/** The descriptors that this process was started with, `<(…)` of a shell among them: links that only the kernel follows. */
const DESCRIPTOR = /^(?:\/proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?|\/dev)\/fd\/\d+$/

/** An open file, and its path without symbolic links at its end. */
export type TrustedFile = { fd: number; path: string }

/**
 * Opens a file that only this user and root can have made or changed: a symbolic link at the end of the path, the file,
 * and unless it is sticky the file's directory. A file that is created gets `mode`.
 * @throws {UntrustedFileError}, or the operating system's error
 */
export function openTrusted(given: string, flags: number, mode?: number): TrustedFile {
  const path = followTrustedLinks(resolve(given))
  const isDescriptor = DESCRIPTOR.test(path)
  // A link that takes the file's place now was made by somebody else.
  const fd = open(path, isDescriptor ? flags : flags | constants.O_NOFOLLOW, mode)
  try {
    const info = fstatSync(fd)
    // Devices belong to the system, and a descriptor that is a pipe to the program that started this one.
    if (info.isFile() || (info.isFIFO() && !isDescriptor)) {
      refuseForeign(info, path)
      refuseShared(info, path)
      if (!isDescriptor) refuseSharedDirectory(dirname(path))
    }
    return { fd, path }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function open(path: string, flags: number, mode: number | undefined): number {
  try {
    return openSync(path, flags, mode)
  } catch (error) {
    if (errorCode(error) === 'ELOOP') throw new UntrustedFileError(`${path} has become a symbolic link`)
    throw error
  }
}

function followTrustedLinks(given: string): string {
  let path = given
  for (let links = 0; links < MAX_LINKS && !DESCRIPTOR.test(path); links++) {
    const info = lstatSync(path, { throwIfNoEntry: false })
    if (info?.isSymbolicLink() !== true) return path
    if (!isTrusted(info.uid))
      throw new UntrustedFileError(`${path} is a symbolic link of user ${info.uid}: name the file itself`)
    path = resolve(dirname(path), readlinkSync(path))
  }
  return path
}

function refuseForeign({ uid }: Stats, path: string): void {
  if (!isTrusted(uid)) throw new UntrustedFileError(`${path} belongs to user ${uid}, not to this one or root: chown it`)
}

function refuseShared({ mode }: Stats, path: string): void {
  if ((mode & SHARED_WRITE) !== 0)
    throw new UntrustedFileError(`${path} can be written by its group or by others: chmod go-w ${path}`)
}

function refuseSharedDirectory(path: string): void {
  const { mode } = statSync(path)
  if ((mode & SHARED_WRITE) === 0 || (mode & STICKY) !== 0) return
  throw new UntrustedFileError(
    `its directory ${path} can be written by its group or by others, who could replace it: chmod go-w ${path}`,
  )
}

const isTrusted = (user: number): boolean => user === 0 || user === process.geteuid?.()

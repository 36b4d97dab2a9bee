/** Decides how a file is written, by what is where it goes. */
import { closeSync, constants, lstatSync, openSync, realpathSync, statSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import process from 'node:process'
import { decodeName } from '../../../protocol/schemas/path-uri.ts'
import { errorCode } from '../../../base/os-error-text.ts'
import { nativePath } from '../../fs/native-path.ts'
import { temporaryBeside } from '../leftovers.ts'

/** A reason not to write, in words. */
export class Refusal extends Error {}

/** What is written to first, and what becomes of it. */
export type FilePlan =
  /** A new file under a temporary name, which is renamed to `target`. `existing`: what it replaces. */
  | { how: 'rename'; target: string; existing: BigIntStats | undefined }
  /** A regular file that cannot be replaced: overwritten from a complete copy. `fd` is open for writing. */
  | { how: 'overwrite'; target: string; existing: BigIntStats; fd: number; why: string }
  /** A device or FIFO takes the bytes as they come. */
  | { how: 'stream'; target: string; why: string }

/** A plan with a complete copy under a temporary name. */
export type StagedPlan = Exclude<FilePlan, { how: 'stream' }>
type OverwritePlan = Extract<FilePlan, { how: 'overwrite' }>

/** What the path itself is; undefined if nothing is there. */
export const lookAt = (path: string): BigIntStats | undefined =>
  lstatSync(nativePath(path), { bigint: true, throwIfNoEntry: false })

/** What the path leads to; undefined if nothing is there. */
export const lookThrough = (path: string): BigIntStats | undefined =>
  statSync(nativePath(path), { bigint: true, throwIfNoEntry: false })

/**
 * Plans a file at `path`. A link there is followed, as by cp.
 * @throws {Refusal} for what cannot be replaced by a file, or the operating system's error
 */
export function planFile(path: string): FilePlan {
  const found = lookAt(path)
  if (found?.isSymbolicLink() !== true) return planFor(path, found)
  const followed = lookThrough(path)
  if (followed === undefined) throw new Refusal('is a link that leads nowhere')
  return planFor(decodeName(realpathSync(nativePath(path), { encoding: 'buffer' })), followed)
}

function planFor(target: string, existing: BigIntStats | undefined): FilePlan {
  if (existing === undefined) return { how: 'rename', target, existing }
  if (existing.isDirectory()) throw new Refusal('is a directory, which no file replaces')
  if (!existing.isFile()) return { how: 'stream', target, why: 'it is no regular file' }
  if (!keepsOwner(existing)) return overwriting(target, existing, 'a new file would have another owner')
  return { how: 'rename', target, existing }
}

/**
 * Plans to overwrite a regular file.
 * @throws the operating system's error if it cannot be opened
 */
export function overwriting(target: string, existing: BigIntStats, why: string): OverwritePlan {
  return { how: 'overwrite', target, existing, fd: openSync(nativePath(target), constants.O_WRONLY), why }
}

/** Root can give a file away; others own what they write, with a group of the system's choice. */
const keepsOwner = ({ uid }: BigIntStats): boolean => process.geteuid?.() === 0 || Number(uid) === process.geteuid?.()

const NO_NEW_FILE = ['EACCES', 'EPERM', 'EROFS']

/**
 * Creates the temporary file of a plan, and returns its name and descriptor. Where its directory takes none, a regular
 * file is overwritten instead: the plan returned says so, and the file is created in `elsewhere`.
 * @throws the operating system's error
 */
export function createTemporary(
  plan: StagedPlan,
  mode: number,
  elsewhere: string,
): { plan: StagedPlan; path: string; fd: number } {
  if (plan.how === 'rename') {
    const path = temporaryBeside(plan.target)
    try {
      return { plan, path, fd: openNew(path, mode) }
    } catch (error) {
      if (plan.existing === undefined || !NO_NEW_FILE.includes(errorCode(error) ?? '')) throw error
      const instead = overwriting(plan.target, plan.existing, 'its directory takes no new file')
      return createTemporary(instead, mode, elsewhere)
    }
  }
  const path = temporaryBeside(`${elsewhere}/x`)
  try {
    return { plan, path, fd: openNew(path, 0o600) }
  } catch (error) {
    closeSync(plan.fd)
    throw error
  }
}

/** Creates a file that is not there yet, for reading and writing. */
export function openNew(path: string, mode: number): number {
  return openSync(
    nativePath(path),
    constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    mode,
  )
}

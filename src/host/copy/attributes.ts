/** Modes, owners and times of what is written. */
import { chmodSync, chownSync, fchmodSync, fchownSync, lchownSync, lutimesSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import process from 'node:process'
import { encodeName } from '../../protocol/schemas/path-uri.ts'
import { setTimes } from '../ffi/file-calls.ts'
import { nativePath } from '../fs/native-path.ts'
import type { CopyOptions, Entry } from './messages.ts'

const PERMISSIONS = 0o777
const ALL_BITS = 0o7777
/** Without set-user-ID and set-group-ID, which mean something only with the owner that they were given by. */
const WITHOUT_OWNER = 0o1777

/** What the writing end knows about a copy. */
export type AttributeOptions = Pick<CopyOptions, 'preserve'> & {
  /** Whether owners mean the same on both sides, and may be set: root, on one machine. */
  keepsOwner: boolean
  /** Which permissions new files do not get. */
  umask: number
}

/**
 * The mode of what is written: with `preserve` that of the source, else that of what it replaces, else that of the
 * source without the umask.
 */
export function finalMode(entry: Entry, existing: BigIntStats | undefined, options: AttributeOptions): number {
  if (options.preserve) return entry.mode & (options.keepsOwner ? ALL_BITS : WITHOUT_OWNER)
  if (existing !== undefined) return Number(existing.mode) & ALL_BITS
  return entry.mode & PERMISSIONS & ~options.umask
}

type Owner = { uid: number; gid: number }

/** The owner of what is written, if not the user who writes. */
export function finalOwner(
  entry: Entry,
  existing: BigIntStats | undefined,
  { preserve, keepsOwner }: AttributeOptions,
): Owner | undefined {
  if (preserve && keepsOwner) return { uid: entry.uid, gid: entry.gid }
  return existing && { uid: Number(existing.uid), gid: Number(existing.gid) }
}

/** Sets owner and mode of an open file that was created with `created` as its mode. */
export function setFileAttributes(fd: number, mode: number, created: number, owner: Owner | undefined): void {
  if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid)
  // A change of the owner takes special bits away.
  if (owner !== undefined || mode !== created) fchmodSync(fd, mode)
}

/** Sets those of a directory. */
export function setDirectoryAttributes(path: string, mode: number, owner: Owner | undefined): void {
  if (owner !== undefined) chownSync(nativePath(path), owner.uid, owner.gid)
  chmodSync(nativePath(path), mode)
}

/** Sets that of a link. */
export function setLinkOwner(path: string, { uid, gid }: Owner): void {
  lchownSync(nativePath(path), uid, gid)
}

/** Sets the times of the entry, to the nanosecond where the C library can be called, else to the microsecond. */
export function setEntryTimes(path: string, { accessNs, modifiedNs }: Entry): void {
  const [access, modified] = [BigInt(accessNs), BigInt(modifiedNs)]
  if (setTimes(Buffer.from(encodeName(path)), access, modified)) return
  lutimesSync(nativePath(path), Number(access) / 1e9, Number(modified) / 1e9)
}

/** The umask; asking for it changes nothing. */
export const currentUmask = (): number => process.umask()

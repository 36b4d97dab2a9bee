/** Overwrites a file where it is, from a complete copy of the new contents. */
import { fstatSync, fsyncSync, ftruncateSync, statfsSync } from 'node:fs'
import { reserveSpace } from '../../ffi/file-calls.ts'
import { nativePath } from '../../fs/native-path.ts'
import { reasonText } from '../texts.ts'
import { copyRange } from './copy-range.ts'
import { Refusal } from './plan-file.ts'
import { SavedContents } from './saved-contents.ts'

export type Overwriting = {
  /** The new contents: an open file at the path `staged`. */
  from: number
  staged: string
  /** The file that is overwritten, open for writing, and its path. */
  to: number
  target: string
}

type Sizes = { size: number; before: number }

/**
 * Replaces the contents of a file. When that fails, it is as it was: what makes the file longer is written first; where
 * the rest may need space, too, there must be enough of it, and what was in the file is saved before. Synchronous: no
 * signal comes in between.
 * @throws {Refusal} or the operating system's error
 */
export function overwrite(files: Overwriting): void {
  const { from, staged, to, target } = files
  const sizes = { size: fstatSync(from).size, before: fstatSync(to).size }
  if (Math.min(sizes.size, sizes.before) === 0 || !mayNeedSpace(files)) return replaceContents(from, to, sizes)
  checkSpace(files, sizes)
  const saved = save(target, staged)
  try {
    replaceContents(from, to, sizes)
  } catch (error) {
    restore(saved, to, error)
    throw error
  }
  saved.discard()
}

/** ext2 to ext4 and tmpfs, by `statfs`: what has its space is overwritten without needing more. */
const KEEPS_SPACE = [0xef53, 0x01021994]

/** Files with holes need space, and any on file systems that copy on write, may do so, or are somewhere else. */
function mayNeedSpace({ to, target }: Overwriting): boolean {
  const { blocks, size } = fstatSync(to)
  return blocks * 512 < size || !KEEPS_SPACE.includes(statfsSync(nativePath(target)).type)
}

/** Tries to reserve the space of the new contents behind the file, where that is possible. */
function checkSpace({ to, target }: Overwriting, { size, before }: Sizes): void {
  // Its first byte has space already.
  const canReserve = reserveSpace(to, 0, 1)
  const hasRoom = canReserve ? reserveSpace(to, before, size) : freeBytes(target) >= size
  ftruncateSync(to, before)
  if (!hasRoom) throw new Refusal('no room to overwrite it where it is: the disk is full, or a quota is used up')
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(nativePath(path))
  return bavail * bsize
}

function save(target: string, staged: string): SavedContents {
  try {
    return new SavedContents(target, staged)
  } catch (error) {
    throw new Refusal(`what is in it cannot be saved before it is overwritten: ${reasonText(error)}`)
  }
}

function restore(saved: SavedContents, to: number, why: unknown): void {
  try {
    saved.restore(to)
  } catch {
    saved.keep()
    throw new Refusal(`${reasonText(why)}; it is damaged, and what was in it is in ${saved.path}`)
  }
  saved.discard()
}

function replaceContents(from: number, to: number, { size, before }: Sizes): void {
  try {
    copyRange(from, to, { start: before, end: size })
  } catch (error) {
    ftruncateSync(to, before)
    throw error
  }
  copyRange(from, to, { start: 0, end: Math.min(before, size) })
  if (size < before) ftruncateSync(to, size)
  fsyncSync(to)
}

/** Calls of the C library about files that the runtimes do not expose. Each is optional: its callers do without. */
import process from 'node:process'
import { functions } from './functions.ts'

const SEEK_DATA = 3
const SEEK_HOLE = 4

/**
 * Where the next data (or hole) of a sparse file begins, at or behind `offset`, which is inside the file. Negative:
 * there is no more, or the file system does not know. Undefined where the function is missing.
 */
export function seekExtent(fd: number, offset: number, what: 'data' | 'hole', calls = functions()): number | undefined {
  const at = calls.lseek?.(fd, BigInt(offset), what === 'data' ? SEEK_DATA : SEEK_HOLE)
  return at === undefined ? undefined : Number(at)
}

/** Writes everything in the file's file system to the disk. Returns whether it succeeded; false if it is missing. */
export function syncFileSystem(fd: number, calls = functions()): boolean {
  return calls.syncfs?.(fd) === 0
}

/** Whether {@link syncFileSystem} is there. */
export const canSyncFileSystem = (calls = functions()): boolean => calls.syncfs !== undefined

const SYNC_FILE_RANGE_WRITE = 2

/** Starts to write a range to the disk, without waiting: a later fsync then has little left to do. */
export function startWriteback(fd: number, offset: number, length: number, calls = functions()): void {
  calls.sync_file_range?.(fd, BigInt(offset), BigInt(length), SYNC_FILE_RANGE_WRITE)
}

const FALLOC_FL_KEEP_SIZE = 1

/** Reserves space for a range of a file without changing its size. Returns whether it succeeded. */
export function reserveSpace(fd: number, offset: number, length: number, calls = functions()): boolean {
  return calls.fallocate?.(fd, FALLOC_FL_KEEP_SIZE, BigInt(offset), BigInt(length)) === 0
}

const isDarwin = process.platform === 'darwin'
const AT_FDCWD = isDarwin ? -2 : -100
const AT_SYMLINK_NOFOLLOW = isDarwin ? 0x20 : 0x100
const NS = 1_000_000_000n

/** Sets access and modification time, in nanoseconds since 1970, not following a link. Returns whether it succeeded. */
export function setTimes(path: Uint8Array, accessNs: bigint, modifiedNs: bigint, calls = functions()): boolean {
  const times = BigInt64Array.of(...[accessNs, modifiedNs].flatMap((ns) => [seconds(ns), ns - seconds(ns) * NS]))
  return calls.utimensat?.(AT_FDCWD, zeroTerminated(path), times, AT_SYMLINK_NOFOLLOW) === 0
}

/** Rounds down, before 1970, too. */
const seconds = (ns: bigint): bigint => (ns - (((ns % NS) + NS) % NS)) / NS

/** Creates a FIFO with this mode. Returns whether it succeeded. */
export function makeFifo(path: Uint8Array, mode: number, calls = functions()): boolean {
  return calls.mkfifo?.(zeroTerminated(path), mode) === 0
}

function zeroTerminated(path: Uint8Array): Uint8Array {
  const text = new Uint8Array(path.length + 1)
  text.set(path)
  return text
}

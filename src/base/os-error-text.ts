/** Text of operating system errors. */
import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'

/** The C library's texts where libuv's differ. Clients and models know these. */
const WORDS: Record<string, string> = {
  E2BIG: 'Argument list too long',
  EAGAIN: 'Resource temporarily unavailable',
  EBUSY: 'Resource busy',
  EDEADLK: 'Resource deadlock avoided',
  EDQUOT: 'Disk quota exceeded',
  EEXIST: 'File exists',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENOENT: 'No such file or directory',
  ENOEXEC: 'Exec format error',
  ENOLCK: 'No locks available',
  ENOMEM: 'Cannot allocate memory',
  ENOSPC: 'No space left on device',
  ENXIO: 'No such device or address',
  ESTALE: 'Stale file handle',
  EXDEV: 'Invalid cross-device link',
}

/** The `code` of an error, e.g. `ENOENT`, if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code !== 'string') return undefined
  return UNNAMED.test(code) ? (nameOf(error) ?? code) : code
}

/** The code of errors that libuv does not name, e.g. that of a quota (EDQUOT), or of NFS (ESTALE), in both kinds of calls. */
const UNNAMED = /^UNKNOWN$|^Unknown system error /

function nameOf(error: unknown): string | undefined {
  const errno = error instanceof Error && 'errno' in error ? error.errno : undefined
  return Object.entries(constants.errno).find(([, value]) => -value === errno)?.[0]
}

/** The text of an error code, e.g. "No such file or directory (os error 2)" for `ENOENT`. */
export function osErrorText(code: string): string {
  const errno = (constants.errno as Record<string, number>)[code]
  const words = WORDS[code] ?? capitalized(getSystemErrorMap().get(-(errno ?? 0))?.[1] ?? code)
  return errno === undefined ? words : `${words} (os error ${errno})`
}

/** The reason of a failure in words: the operating system's, or else the error itself. */
export function reasonOf(error: unknown): string {
  const code = errorCode(error)
  if (code !== undefined) return osErrorText(code)
  return error instanceof Error ? error.message : String(error)
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

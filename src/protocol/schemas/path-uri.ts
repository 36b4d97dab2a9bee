/**
 * Paths on the wire. Clients up to 0.140 send plain absolute paths, newer ones file URIs; both are accepted on every
 * connection. Responses contain URIs, because only newer clients call the methods that return paths.
 *
 * Paths are normalised as text, without disk access: `a/../b` is `b` even if `a` is a symbolic link.
 */

import { MAX_PATH_CHARACTERS } from '../limits.ts'

/** An invalid path. The message is sent to the client. */
export class PathSyntaxError extends Error {}

/** A valid URI of a file on another machine. */
export class ForeignPathError extends PathSyntaxError {}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/

const DRIVE = /^\/[A-Za-z]:(\/|$)/

/**
 * Parses an absolute POSIX path or file URI into a normalised absolute path.
 * @throws {PathSyntaxError} if it is invalid
 * @throws {ForeignPathError} if it names another host or a Windows drive
 */
export function parsePath(text: string): string {
  if (text.length > MAX_PATH_CHARACTERS) throw new PathSyntaxError('path is too long')
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase()
  if (scheme === 'file') return normalizePath(pathOfUri(text))
  if (text.startsWith('/')) {
    if (text.includes('\0')) throw new PathSyntaxError('path contains a NUL byte')
    return normalizePath(text)
  }
  if (scheme !== undefined && text.startsWith('//', scheme.length + 1)) {
    throw new PathSyntaxError(`unsupported path URI scheme \`${scheme}\``)
  }
  throw new PathSyntaxError(`path is neither absolute nor a file URI: \`${text.slice(0, 200)}\``)
}

function pathOfUri(uri: string): string {
  if (uri.includes('?')) throw new PathSyntaxError('path URIs have no query')
  if (uri.includes('#')) throw new PathSyntaxError('path URIs have no fragment')
  let rest = uri.slice('file:'.length)
  if (rest.startsWith('//')) {
    const slash = rest.indexOf('/', 2)
    const host = rest.slice(2, slash < 0 ? undefined : slash)
    if (host !== '' && host.toLowerCase() !== 'localhost')
      throw new ForeignPathError(`path URI names another host: \`${host}\``)
    rest = slash < 0 ? '/' : rest.slice(slash)
  }
  if (!rest.startsWith('/')) throw new PathSyntaxError('path URI is not absolute')
  if (DRIVE.test(rest)) throw new ForeignPathError('path URI names a Windows drive')
  const path = decodePercent(rest)
  if (path.includes('\0')) throw new PathSyntaxError('path contains a NUL byte')
  return path
}

const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Decodes %XX. A percent sign that starts no escape is literal. */
function decodePercent(text: string): string {
  return text.replace(ESCAPES, (run) => {
    const bytes = new Uint8Array(run.length / 3)
    for (let index = 0; index < bytes.length; index++)
      bytes[index] = Number.parseInt(run.slice(3 * index + 1, 3 * index + 3), 16)
    return decodeName(bytes)
  })
}

/** A byte 0xNN that is not UTF-8 is represented by the lone surrogate U+DCNN. */
const RAW_BYTE = 0xdc00

/**
 * Decodes the bytes of a file name. Names need not be UTF-8: an invalid byte becomes a lone surrogate, which no JSON
 * text from a client can contain. {@link encodeName} restores the byte.
 */
export function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return Array.from(decodePieces(bytes)).join('')
  }
}

function* decodePieces(bytes: Uint8Array): Generator<string> {
  let start = 0
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at)
    if (length === 0) {
      if (start < at) yield utf8.decode(bytes.subarray(start, at))
      yield String.fromCharCode(RAW_BYTE + (bytes[at] as number))
      start = at + 1
    }
    at += length || 1
  }
  yield utf8.decode(bytes.subarray(start))
}

/** Length in bytes of the UTF-8 sequence at `at`; 0 if it is invalid. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  // The second byte rules out overlong forms, surrogates and code points above U+10FFFF.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[at + 1] ?? 0
  if (second < least || second > most) return 0
  for (let index = at + 2; index < at + length; index++) if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}

/** The bytes of a path or name that {@link decodeName} returned. */
export function encodeName(name: string): Uint8Array {
  const encoder = new TextEncoder()
  const bytes: number[] = []
  for (const character of name) {
    const code = character.codePointAt(0) as number
    if (code >= RAW_BYTE + 0x80 && code <= RAW_BYTE + 0xff) bytes.push(code - RAW_BYTE)
    else bytes.push(...encoder.encode(character))
  }
  return Uint8Array.from(bytes)
}

/** What a normalised absolute path does not have: an empty component, `.` or `..`, or a slash at its end. */
const UNUSUAL = /^$|^[^/]|\/\.{0,2}\/|.\/\.{0,2}$|^\/\.{1,2}$/s

/** Resolves `.`, `..` and repeated or trailing slashes of an absolute path, as text. */
export function normalizePath(path: string): string {
  if (!UNUSUAL.test(path)) return path
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** Characters that stay unescaped, as in the URIs that clients compare. Other bytes are percent-encoded. */
const PLAIN = /[A-Za-z0-9\-._~!$&'()*+,;=:@/[\]^|]/
const ALL_PLAIN = new RegExp(`^${PLAIN.source}*$`)

/** The file URI of an absolute path. */
export function pathToUri(path: string): string {
  // A first component like `C:` would be read as a Windows drive.
  const drive = DRIVE.test(path)
  if (!drive && ALL_PLAIN.test(path)) return `file://${path}`
  let uri = drive ? `file:///${path.charAt(1)}%3A` : 'file://'
  for (const character of drive ? path.slice(3) : path) {
    if (PLAIN.test(character)) uri += character
    else for (const byte of encodeName(character)) uri += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return uri
}

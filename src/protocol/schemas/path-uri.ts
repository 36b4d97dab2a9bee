/**
 * Paths on the wire. Clients up to 0.140 send plain absolute paths, newer ones file URIs; both are
 * read on every connection. Answers carry URIs, because only newer clients call the methods that return paths.
 *
 * Paths are normalised by their text, before anything is looked up: `a/../b` is `b` also when `a` is a symbolic link.
 */

/** A path that could not be read; the message is the client's. */
export class PathSyntaxError extends Error {}

/** A lawful URI of a file on another machine. */
export class ForeignPathError extends PathSyntaxError {}

const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/

/** No operating system takes a path of a tenth of that. */
const MAX_PATH_CHARACTERS = 65_536

const DRIVE = /^\/[A-Za-z]:(\/|$)/

/** Reads an absolute POSIX path or file URI. Throws {@link PathSyntaxError}. */
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

/** Decodes %XX; a percent sign that starts no escape stays itself. */
function decodePercent(text: string): string {
  return text.replace(ESCAPES, (run) =>
    decodeName(Uint8Array.from(run.slice(1).split('%'), (hex) => Number.parseInt(hex, 16))),
  )
}

/** Where the bytes of names that are not UTF-8 live in a string: byte 0xNN is the lone surrogate U+DCNN. */
const RAW_BYTE = 0xdc00

/**
 * Bytes of a file name as a string. Names need not be UTF-8: a byte that is not becomes a lone surrogate,
 * which no JSON text of a client can hold, and {@link encodeName} turns it back into the byte.
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
      yield utf8.decode(bytes.subarray(start, at))
      yield String.fromCharCode(RAW_BYTE + (bytes[at] as number))
      start = at + 1
    }
    at += length || 1
  }
  yield utf8.decode(bytes.subarray(start))
}

/** The length of the UTF-8 sequence at `at`, 0 if there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  // Overlong forms, surrogates and code points above U+10FFFF show in the second byte.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[at + 1] ?? 0
  if (second < least || second > most) return 0
  for (let index = at + 2; index < at + length; index++) if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return 0
  return length
}

/** The bytes of a path or name made by {@link decodeName}. */
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

/** Resolves `.`, `..` and repeated or trailing slashes of an absolute path by its text. */
export function normalizePath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** What the path of a URL holds as it is, in the spelling that clients compare; every other byte is percent-encoded. */
const PLAIN = /[A-Za-z0-9\-._~!$&'()*+,;=:@/[\]^|]/

export function pathToUri(path: string): string {
  // A first name like `C:` would be taken for a Windows drive.
  const drive = DRIVE.test(path)
  let uri = drive ? `file:///${path.charAt(1)}%3A` : 'file://'
  for (const character of drive ? path.slice(3) : path) {
    if (PLAIN.test(character)) uri += character
    else for (const byte of encodeName(character)) uri += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return uri
}

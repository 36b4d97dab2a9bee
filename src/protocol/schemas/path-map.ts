/**
 * Translates between the paths of a client and those of this machine, where the same folder has another path on each.
 *
 * No prefix lies in another, on either side. So each path has at most one translation, and a client's path that is
 * already one of this machine passes unchanged.
 */
import { isWithin } from '../../base/paths.ts'
import { MAX_PATH_MAPPINGS } from '../limits.ts'
import { ForeignPathError, parsePath, PathSyntaxError, pathToUri } from './path-uri.ts'

/** A folder as the client names it, and as this machine does. Normalised absolute paths. */
export type PathMapping = { readonly client: string; readonly own: string }

/** A mapping that cannot be used. The message says why. */
export class PathMapError extends Error {}

/** Mappings in both directions. */
export class PathMap {
  readonly mappings: readonly PathMapping[]
  readonly #uris: readonly PathMapping[]
  readonly #texts: ReadonlyMap<string, string>
  readonly #inText: RegExp

  /** @throws {PathMapError} if it would be ambiguous */
  constructor(mappings: readonly PathMapping[]) {
    checkDistinct(mappings)
    this.mappings = mappings
    this.#uris = mappings.map(({ client, own }) => ({ client: pathToUri(client), own: pathToUri(own) }))
    const all = [...this.#uris, ...mappings]
    this.#texts = new Map(all.map(({ client, own }) => [own, client]))
    this.#inText = new RegExp(
      `(?<!${PATH_CHARACTER})(?:${all.map(({ own }) => escapeRegExp(own)).join('|')})${END}`,
      'gu',
    )
  }

  /** This machine's path for a path of the client. */
  toOwn(path: string): string {
    return translate(path, this.mappings, 'client', 'own')
  }

  /** As {@link toOwn}, for the URI of a path. Its spelling is kept, unless that is an unusual one. */
  uriToOwn(uri: string, path: string): string {
    const own = this.toOwn(path)
    if (own === path) return uri
    const respelled = translate(uri, this.#uris, 'client', 'own')
    return respelled === uri ? pathToUri(own) : respelled
  }

  /** The client's path for a path of this machine. */
  toClient(path: string): string {
    return translate(path, this.mappings, 'own', 'client')
  }

  /** As {@link toClient}, for a URI as {@link pathToUri} makes it. */
  uriToClient(uri: string): string {
    return translate(uri, this.#uris, 'own', 'client')
  }

  /** Text for people, e.g. an error message, in which paths and URIs of this machine may stand. */
  textToClient(text: string): string {
    return text.replace(this.#inText, (own) => this.#texts.get(own) ?? own)
  }
}

/** What a path in a text goes on with to the left, so that it begins earlier. */
const PATH_CHARACTER = String.raw`[\p{L}\p{N}_.~%/-]`

/** A prefix ends here: not in the middle of a name. */
const END = String.raw`(?![\p{L}\p{N}_%-]|\.[\p{L}\p{N}_])`

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

function translate(
  text: string,
  mappings: readonly PathMapping[],
  from: keyof PathMapping,
  to: keyof PathMapping,
): string {
  for (const mapping of mappings)
    if (isWithin(text, mapping[from])) return mapping[to] + text.slice(mapping[from].length)
  return text
}

/** @throws {PathMapError} if a prefix lies in another one */
function checkDistinct(mappings: readonly PathMapping[]): void {
  if (mappings.length > MAX_PATH_MAPPINGS) throw new PathMapError(`at most ${MAX_PATH_MAPPINGS} folders can be mapped`)
  const prefixes = mappings.flatMap(({ client, own }) => [client, own])
  for (const [index, prefix] of prefixes.entries()) {
    const other = prefixes.find((path, at) => at !== index && isWithin(path, prefix))
    if (other === prefix) throw new PathMapError(`${prefix} is given twice, so that a path could be either`)
    if (other !== undefined) throw new PathMapError(`${other} lies in ${prefix}, so that a path could be either`)
  }
}

/** What globs of a sandbox would take for a pattern. */
const GLOB_CHARACTER = /[*?[\]{}\\]/

/** A drive, as in `C:\Users` or `/C:/Users`. */
const WINDOWS = /^\/?[A-Za-z]:(?:[\\/]|$)|^\\\\/

/**
 * Parses a mapping `CLIENT=OWN`. Both are absolute paths or file URIs; a URI can hold a `=`, as `%3D`.
 * @throws {PathMapError}
 */
export function parsePathMapping(text: string): PathMapping {
  const [client, own, ...more] = text.split('=')
  if (client === undefined || own === undefined || more.length > 0)
    throw new PathMapError('it takes two paths with one = between them; write a = within a path as %3D, in a file URI')
  return { client: parsePrefix(client), own: parsePrefix(own) }
}

function parsePrefix(text: string): string {
  if (WINDOWS.test(text)) throw new PathMapError(`a Windows path cannot be mapped: ${text}`)
  const path = parsed(text)
  if (path === '/') throw new PathMapError('the root folder cannot be mapped: every path lies in it')
  if (GLOB_CHARACTER.test(path)) throw new PathMapError(`a path with any of * ? [ ] { } \\ cannot be mapped: ${path}`)
  return path
}

function parsed(text: string): string {
  try {
    return parsePath(text)
  } catch (error) {
    if (error instanceof ForeignPathError) throw new PathMapError(`a path of another system cannot be mapped: ${text}`)
    if (error instanceof PathSyntaxError) throw new PathMapError(error.message)
    throw error
  }
}

/** The option for clients that have the same folders under other paths. */
import { realpathSync } from 'node:fs'
import { PathMap, PathMapError, parsePathMapping } from '../../protocol/schemas/path-map.ts'
import { UsageError } from '../../base/usage-error.ts'

export const mapOptions = { map: { type: 'string', multiple: true } } as const

export const MAP_HELP = `  --map THEIRS=OURS            what clients name /THEIRS/… is /OURS/… here (repeatable): for a project that has another
                               path on the laptop; commands themselves are not changed
`

/**
 * Parses the options. Undefined: clients have the paths of this machine.
 * @throws {UsageError} for a mapping that is malformed or ambiguous
 */
export function parseMap({ map: texts = [] }: { map?: readonly string[] | undefined }): PathMap | undefined {
  if (texts.length === 0) return undefined
  const mappings = texts.map((text) => refusing(`--map ${text}`, () => parsePathMapping(text)))
  return refusing('--map', () => new PathMap(mappings))
}

function refusing<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof PathMapError) throw new UsageError(`${what}: ${error.message}`, 2)
    throw error
  }
}

/**
 * A link as the folder here would be named by its target in what the file system answers, which no prefix fits. A folder
 * that is not there yet is made later, mostly by a client.
 * @throws {UsageError}
 */
export function checkMappedFolders(map: PathMap | undefined): void {
  for (const { own } of map?.mappings ?? []) {
    const real = realPath(own)
    if (real !== undefined && real !== own)
      throw new UsageError(`--map: ${own} leads through a link; name the folder itself, ${real}`, 2)
  }
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}

/** The parts that permission profiles and legacy policies have in common: entries, lists of paths, network access. */
import * as v from 'valibot'
import { MAX_ENTRIES, MAX_ENTRY_CHARACTERS } from '../limits.ts'
import type { Access, Entry, EntryPath, FilePermissions, Network } from './sandbox.ts'
import { isNothing, optional, path } from './schema-primitives.ts'

const access = v.pipe(
  v.picklist(['read', 'write', 'deny', 'none']),
  v.transform((word): Access => (word === 'none' ? 'deny' : word)),
)

const subpath = optional(
  v.pipe(
    v.string(),
    v.check(
      (text) => !text.startsWith('/') && !text.split('/').includes('..') && !text.includes('\0'),
      'expected a path below a workspace root',
    ),
  ),
)

const special = v.variant('kind', [
  v.pipe(
    v.object({ kind: v.picklist(['root', 'minimal', 'tmpdir', 'slash_tmp', 'unknown']) }),
    v.transform(({ kind }): EntryPath => ({ type: kind })),
  ),
  v.pipe(
    v.object({ kind: v.picklist(['project_roots', 'current_working_directory']), subpath }),
    v.transform(({ subpath }): EntryPath => ({ type: 'project_roots', ...(isNothing(subpath) ? {} : { subpath }) })),
  ),
])

const pattern = v.pipe(
  v.string(),
  v.check((text) => !text.includes('\0'), 'pattern contains a NUL byte'),
)

const entryPath = v.variant('type', [
  v.object({ type: v.literal('path'), path }),
  v.pipe(
    v.object({ type: v.literal('glob_pattern'), pattern }),
    v.transform(({ pattern }): EntryPath => ({ type: 'glob', pattern })),
  ),
  v.pipe(
    v.object({ type: v.literal('special'), value: special }),
    v.transform(({ value }) => value),
  ),
])

/** Checks how much there is before anything is read: a list of valibot reads all of its items before its length. */
export const boundedList = v.pipe(
  v.array(v.unknown()),
  v.maxLength(MAX_ENTRIES, `may have at most ${MAX_ENTRIES} items`),
  v.check(
    (items) => items.reduce<number>((sum, item) => sum + charactersOf(item), 0) <= MAX_ENTRY_CHARACTERS,
    `may have at most ${MAX_ENTRY_CHARACTERS} characters`,
  ),
)

/** Characters of a string, or of the strings below an entry, whose depth the parser has limited. */
function charactersOf(item: unknown): number {
  if (typeof item === 'string') return item.length
  if (typeof item !== 'object' || item === null) return 0
  return Object.values(item).reduce<number>((sum, member) => sum + charactersOf(member), 0)
}

/** Schema of the entries of a profile or policy. */
export const entries = v.pipe(
  boundedList,
  v.array(
    v.pipe(
      // `missing_path_behavior` is ignored: missing paths are always skipped.
      v.object({ path: entryPath, access, missing_path_behavior: optional(v.string()) }),
      v.transform(({ path: at, access }): Entry => ({ at, access })),
    ),
  ),
)

/** Schema of a glob scan depth. */
export const depth = optional(
  v.custom<number>(
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= 1,
    'expected a nonzero integer',
  ),
)

/** File access by entries only. */
export function restrictTo(files: {
  entries: Entry[]
  glob_scan_max_depth?: number | null | undefined
}): FilePermissions {
  const { entries, glob_scan_max_depth: depth } = files
  return { unrestricted: false, entries, ...(isNothing(depth) ? {} : { globScanMaxDepth: depth }) }
}

/** Schema of the network access. */
export const network = v.picklist(['restricted', 'enabled'])

/** What a profile or policy grants. */
export type Permissions = { files: FilePermissions; network: Network }

/** Access to all files. */
export const unrestricted = (): FilePermissions => ({ unrestricted: true })

/** Schema of a list of paths. */
export const paths = optional(v.pipe(boundedList, v.array(path)))

type Paths = readonly string[] | null | undefined

/** The entries of paths that may be read or written. */
export function entriesOf({ read, write }: { read?: Paths; write?: Paths }): Entry[] {
  const literal =
    (access: Access) =>
    (path: string): Entry => ({ at: { type: 'path', path }, access })
  return [...(read ?? []).map(literal('read')), ...(write ?? []).map(literal('write'))]
}

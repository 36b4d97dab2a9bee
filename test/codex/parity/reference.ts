/**
 * The releases that ours is held against: the last of one dialect, the newest of the other, and the one before that, which
 * most clients have.
 */

export type Reference = {
  version: string
  /** The cases that it is tried with; all, if absent. */
  about?: RegExp
  /** The release whose cases and intended differences are this one's, too. */
  dialect: string
  /** It takes absolute paths; the newer one takes file URIs only. */
  plainPaths: boolean
  /** Methods that it does not know. */
  lacks: ReadonlySet<string>
}

/** Of all releases. */
const OLD_METHODS = [
  'initialize',
  'initialized',
  'process/start',
  'process/read',
  'process/write',
  'process/terminate',
  'fs/readFile',
  'fs/writeFile',
  'fs/createDirectory',
  'fs/getMetadata',
  'fs/readDirectory',
  'fs/remove',
  'fs/copy',
  'http/request',
]

/** Since 0.130, in their order of appearance. */
const NEWER_METHODS = [
  'process/signal',
  'fs/canonicalize',
  'environment/info',
  'environment/status',
  'environmentConfig/read',
  'capabilityRoots/discoverV1',
  'fs/open',
  'fs/readBlock',
  'fs/close',
  'fs/walk',
  'capabilities/discoverV2',
  'fs/writeBlock',
  'fs/watchMissing',
]

export const OLD = '0.130.0'
export const BEFORE = '0.169.0'
export const NEW = '0.171.0'

export const references: readonly Reference[] = [
  { version: OLD, dialect: OLD, plainPaths: true, lacks: new Set(NEWER_METHODS) },
  { version: BEFORE, dialect: NEW, about: /^process/, plainPaths: false, lacks: new Set() },
  { version: NEW, dialect: NEW, plainPaths: false, lacks: new Set() },
]

const known = new Set([...OLD_METHODS, ...NEWER_METHODS])

export const isKnown = (method: string): boolean => known.has(method)

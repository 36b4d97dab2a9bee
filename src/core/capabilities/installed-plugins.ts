/** Finds the plugins that Codex has installed: `MARKETPLACE/NAME/VERSION` in its cache. */
import { RpcError } from '../../protocol/wire/errors.ts'
import { parsePath } from '../../protocol/schemas/path-uri.ts'
import type { Files } from '../base/host.ts'
import { activeVersion } from './plugin-version.ts'

/** A version that is in use. `root`: an absolute path. */
export type PluginPlace = { root: string; id: string; version: string; remotePluginId: string | null }

const MARKETPLACE = /^[A-Za-z0-9_-]+$/
const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

/** Written by Codex beside the versions of a plugin that it has got from a server. */
const INSTALLATION = '.codex-remote-plugin-install.json'
const INSTALLATION_VERSION = 1
const MAX_INSTALLATION_BYTES = 16 * 1024
const MAX_REMOTE_ID_BYTES = 1024

/** The most that are looked at. Same as the reference. */
const WALK = { maxDepth: 1, maxDirectories: 2000, maxEntries: 20_000, followDirectorySymlinks: true }

type Reads = Pick<Files, 'walk' | 'canonicalize' | 'readFile' | 'getMetadata'>

/** The plugins in a cache, sorted by id. `warn` gets what is passed over. */
export async function installedPlugins(
  cache: string,
  files: Reads,
  maxPlugins: number,
  warn: (warning: string) => void,
): Promise<PluginPlace[]> {
  const packages = await packagesIn(cache, files, warn)
  const places: PluginPlace[] = []
  for (const { id, path } of packages) {
    if (places.length === maxPlugins) {
      warn(`there are more than ${maxPlugins} plugins`)
      break
    }
    const version = activeVersion(await directoriesIn(path, files))
    if (version === undefined) continue
    places.push({ root: `${path}/${version}`, id, version, remotePluginId: await remoteId(path, files, warn) })
  }
  return places
}

async function packagesIn(
  cache: string,
  files: Reads,
  warn: (warning: string) => void,
): Promise<{ id: string; path: string }[]> {
  const { entries, errors, truncated } = await files.walk(cache, WALK)
  for (const { path, message } of errors) warn(`cannot look through ${path}: ${message}`)
  if (truncated) warn(`there is more in ${cache} than is looked through`)
  const found: { id: string; path: string }[] = []
  for (const { path: uri, kind } of entries) {
    const path = parsePath(uri)
    const [marketplace, name, ...more] = path.split('/').slice(cache.split('/').length)
    if (kind !== 'directory' || marketplace === undefined || name === undefined || more.length > 0) continue
    if (MARKETPLACE.test(marketplace) && NAME.test(name)) found.push({ id: `${name}@${marketplace}`, path })
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Names of the directories in a directory, without links to such. */
async function directoriesIn(path: string, files: Reads): Promise<string[]> {
  try {
    const real = await files.canonicalize(path)
    const { entries } = await files.walk(real, { ...WALK, maxDepth: 0, followDirectorySymlinks: false })
    return entries
      .filter(({ kind }) => kind === 'directory')
      .map((entry) => parsePath(entry.path).split('/').at(-1) ?? '')
  } catch (error) {
    if (error instanceof RpcError) return []
    throw error
  }
}

/** The id that a plugin has on the server that it comes from, if it comes from one. */
async function remoteId(path: string, files: Reads, warn: (warning: string) => void): Promise<string | null> {
  const file = `${path}/${INSTALLATION}`
  try {
    const { isFile } = await files.getMetadata(file, { followSymlinks: true })
    if (!isFile) throw new Error('it is no regular file')
    const options = { followSymlinks: true, maxBytes: MAX_INSTALLATION_BYTES, reserve: () => undefined }
    const bytes = await files.readFile(file, options)
    return parseInstallation(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    if (!(error instanceof RpcError && error.code === -32004)) warn(`passed over ${file}: ${(error as Error).message}`)
    return null
  }
}

function parseInstallation(text: string): string {
  const { schema_version: version, remote_plugin_id: id } = JSON.parse(text) as Record<string, unknown>
  if (version !== INSTALLATION_VERSION) throw new Error('its version is not known')
  if (typeof id !== 'string' || id.trim() === '') throw new Error('it names no plugin')
  if (new TextEncoder().encode(id).length > MAX_REMOTE_ID_BYTES) throw new Error('its id is too long')
  return id.trim()
}

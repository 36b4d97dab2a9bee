/**
 * Searches a directory for plugins and skills. The client gets the texts of their files and interprets them; only what
 * refers to other files is parsed here.
 *
 * Directories and files are identified by their URIs, directories without a trailing slash.
 */
import type {
  CapabilityBounds,
  CapabilityFile,
  CapabilityPlugin,
  CapabilitySkill,
  Discovery,
} from '../../protocol/schemas/capability-roots.ts'
import { invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import { parsePath, pathToUri } from '../../protocol/schemas/path-uri.ts'
import { capabilityReader } from './capability-reader.ts'
import type { CapabilityReader } from './capability-reader.ts'
import type { Files } from '../base/host.ts'
import { MANIFESTS, pluginFiles } from './plugin-manifest.ts'

/** URI of the file system's root. */
const TOP = 'file://'

/**
 * Finds the plugin and skills below a directory. Resulting URIs start with the root's as given.
 * @throws RpcError if it is not a readable directory
 */
export async function discover(
  uri: string,
  files: Pick<Files, 'getMetadata' | 'readFile' | 'walk'>,
  bounds: CapabilityBounds,
): Promise<Discovery> {
  const path = parsePath(uri)
  const { isDirectory } = await files.getMetadata(path, { followSymlinks: true })
  if (!isDirectory) throw invalidRequest('it is not a directory')
  const root = path === '/' ? TOP : uri.replace(/\/+$/, '')
  const reader = capabilityReader(files, bounds)
  const listed = await filesBelow(root, path, files, bounds, reader)
  const manifest = await manifestIn(root, reader, 2)
  const namespaceManifests = await namespaces(root, manifest, listed, reader)
  const plugin = manifest && (await pluginOf(root, manifest, reader))
  const skills = await skillsIn(listed, reader)
  return { found: { plugin, skills, namespaceManifests, warnings: reader.warnings }, left: reader.left() }
}

/** The files below the root, sorted by URI. */
async function filesBelow(
  root: string,
  path: string,
  files: Pick<Files, 'walk'>,
  bounds: CapabilityBounds,
  { warn }: CapabilityReader,
): Promise<string[]> {
  // The walk returns the root in canonical spelling.
  const { length } = pathToUri(path).replace(/\/$/, '')
  const respelled = (found: string): string => root + found.slice(length)
  try {
    const { entries, errors, truncated } = await files.walk(path, { ...bounds.walk, followDirectorySymlinks: true })
    for (const { path, message } of errors) warn(`cannot look through ${respelled(path)}: ${message}`)
    if (truncated) warn(`there is more below ${root} than is looked through`)
    return entries
      .filter(({ kind }) => kind === 'file')
      .map(({ path }) => respelled(path))
      .sort()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    warn(`cannot look through ${root}: ${error.message}`)
    return []
  }
}

/** The manifest of the plugin in a directory, if it is one. */
async function manifestIn(folder: string, { read }: CapabilityReader, times = 1): Promise<CapabilityFile | null> {
  for (const manifest of MANIFESTS) {
    const file = await read(`${folder}/${manifest}`, times)
    if (file !== null) return file
  }
  return null
}

/** Manifests that name the skills: a skill's namespace is its plugin, which may be below the root or around it. */
async function namespaces(
  root: string,
  manifest: CapabilityFile | null,
  listed: readonly string[],
  reader: CapabilityReader,
): Promise<CapabilityFile[]> {
  const found = [manifest ?? (await manifestAround(root, reader))]
  for (const uri of manifestsBelow(root, listed)) found.push(await reader.read(uri))
  return found.filter((file) => file !== null)
}

/** The manifest of the nearest ancestor that has one. */
async function manifestAround(root: string, reader: CapabilityReader): Promise<CapabilityFile | null> {
  for (let folder = root; folder !== TOP; ) {
    folder = folder.slice(0, folder.lastIndexOf('/'))
    const file = await manifestIn(folder, reader)
    if (file !== null) return file
  }
  return null
}

/** One manifest per directory below the root, sorted by directory. */
function manifestsBelow(root: string, listed: readonly string[]): string[] {
  const ranks = new Map<string, number>()
  for (const uri of listed) {
    const rank = MANIFESTS.findIndex((manifest) => uri.endsWith(`/${manifest}`))
    if (rank < 0) continue
    const folder = uri.slice(0, -`/${MANIFESTS[rank]}`.length)
    // The root's own manifest is known, and the root may itself be the directory of a manifest.
    if (folder.length > root.length && rank < (ranks.get(folder) ?? MANIFESTS.length)) ranks.set(folder, rank)
  }
  return [...ranks].sort(([a], [b]) => (a < b ? -1 : 1)).map(([folder, rank]) => `${folder}/${MANIFESTS[rank]}`)
}

async function pluginOf(
  folder: string,
  manifest: CapabilityFile,
  { read, warn }: CapabilityReader,
): Promise<CapabilityPlugin> {
  const { mcpConfig, appsConfig } = pluginFiles(folder, manifest, warn)
  return {
    manifest,
    mcpConfig: mcpConfig === undefined ? null : await read(mcpConfig),
    appsConfig: await read(appsConfig),
  }
}

const INSTRUCTIONS = '/SKILL.md'
const METADATA = '/agents/openai.yaml'

/** Every directory with instructions is a skill, at any depth. */
async function skillsIn(listed: readonly string[], { read }: CapabilityReader): Promise<CapabilitySkill[]> {
  const found: CapabilitySkill[] = []
  for (const uri of listed) {
    if (!uri.endsWith(INSTRUCTIONS)) continue
    const instructions = await read(uri)
    if (instructions === null) continue
    found.push({ instructions, metadata: await read(uri.slice(0, -INSTRUCTIONS.length) + METADATA) })
  }
  return found
}

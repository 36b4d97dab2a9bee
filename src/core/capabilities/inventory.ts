/** Lists the plugins and skills that are installed on this machine, for capabilities/discoverV2. */
import type { Capabilities, CapabilityBounds, Inventory, SkillFolder } from '../../protocol/schemas/capability-roots.ts'
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import { parsePath, pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { Clock } from '../base/clock.ts'
import type { Files } from '../base/host.ts'
import type { InstalledPlaces } from './installed-places.ts'
import { installedPlugins } from './installed-plugins.ts'
import type { PluginPlace } from './installed-plugins.ts'
import { skillsOf } from './installed-skills.ts'
import { InventoryAnswer } from './inventory-answer.ts'
import type { AnswerBounds } from './inventory-answer.ts'
import { displayNameIn } from './plugin-manifest.ts'

/** How far is looked. `places`: plugins and folders of skills; `root`: each of them. */
export type InventoryBounds = AnswerBounds & { places: number; root: CapabilityBounds }

type Look = { files: Files; clock: Pick<Clock, 'soon'>; answer: InventoryAnswer }

/** Lists plugins, sorted by id, and skills in the order of their folders. */
export async function listInstalled(
  { pluginCache, skills, warnings }: InstalledPlaces,
  files: Files,
  clock: Pick<Clock, 'soon'>,
  bounds: InventoryBounds,
): Promise<Inventory> {
  const answer = new InventoryAnswer(bounds)
  const look = { files, clock, answer }
  for (const warning of warnings) answer.warn(warning)
  const plugins = pluginCache === undefined ? [] : await pluginsIn(pluginCache, bounds.places, look)
  const places = [...plugins, ...distinct(skills)]
  let { left } = bounds.root
  let seen = 0
  for (const place of places) {
    if (answer.isFull || seen === bounds.places) break
    seen++
    const root = 'root' in place ? place.root : parsePath(place.path)
    await orWarn(root, answer, async () => {
      if (!(await isDirectory(root, files))) return
      const discovery = await files.discover(pathToUri(root), { ...bounds.root, left })
      left = discovery.left
      for (const warning of discovery.found.warnings) answer.warn(warning)
      await ('root' in place ? addPlugin(place, discovery.found, look) : addSkills(place, discovery.found, look))
    })
  }
  return answer.result(seen < places.length)
}

const distinct = (folders: readonly SkillFolder[]): SkillFolder[] =>
  folders.filter(({ path }, index) => folders.findIndex((other) => other.path === path) === index)

async function pluginsIn(cache: string, max: number, { files, answer }: Look): Promise<PluginPlace[]> {
  let found: PluginPlace[] = []
  await orWarn(cache, answer, async () => {
    if (await isDirectory(cache, files))
      found = await installedPlugins(cache, files, max, (warning) => answer.warn(warning))
  })
  return found
}

/** A place that cannot be looked at leaves the others as they are. */
async function orWarn(path: string, answer: InventoryAnswer, look: () => Promise<void>): Promise<void> {
  try {
    await look()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    answer.warn(`cannot look through ${path}: ${error.message}`)
  }
}

/** EACCES. */
const DENIED = '(os error 13)'

/** False where it may not be looked at, too. */
async function isDirectory(path: string, files: Files): Promise<boolean> {
  try {
    return (await files.getMetadata(path, { followSymlinks: true })).isDirectory
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    if (error.code === ErrorCode.NotFound || error.message.endsWith(DENIED)) return false
    throw error
  }
}

async function addPlugin(place: PluginPlace, found: Capabilities, { clock, answer }: Look): Promise<void> {
  const { root, id, version, remotePluginId } = place
  const { plugin } = found
  const displayName = plugin === null ? undefined : displayNameIn(plugin.manifest.contents, version)
  if (plugin === null || displayName === undefined) return answer.warn(`${root} has no manifest that is valid`)
  const skills = await skillsOf(found, clock, (warning) => answer.warn(warning))
  answer.addPlugin({ id, displayName, remotePluginId, version, root: pathToUri(root), files: plugin, skills })
}

async function addSkills(folder: SkillFolder, found: Capabilities, { clock, answer }: Look): Promise<void> {
  for (const skill of await skillsOf(found, clock, (warning) => answer.warn(warning)))
    answer.addSkill({ ...skill, discoveryRoot: folder })
}

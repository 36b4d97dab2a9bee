/** What the skills below a folder say of themselves. */
import type {
  Capabilities,
  CapabilityFile,
  CapabilitySkill,
  InstalledSkill,
} from '../../protocol/schemas/capability-roots.ts'
import { parsePath } from '../../protocol/schemas/path-uri.ts'
import { nextTurn } from '../base/clock.ts'
import type { Clock } from '../base/clock.ts'
import { nameIn } from './plugin-manifest.ts'
import { readSkillHead } from './skill-head.ts'
import { readSkillMetadata } from './skill-metadata.ts'

/** Characters of a skill's name together with that of its plugin. Same as the reference. */
const MAX_QUALIFIED_NAME = 129

/** The skills that are valid. `warn` gets the others. */
export async function skillsOf(
  { skills, namespaceManifests }: Pick<Capabilities, 'skills' | 'namespaceManifests'>,
  clock: Pick<Clock, 'soon'>,
  warn: (warning: string) => void,
): Promise<InstalledSkill[]> {
  const plugins = namesOfPlugins(namespaceManifests)
  const found: InstalledSkill[] = []
  for (const skill of skills) {
    // Each is parsed at once; between them it is the turn of other clients.
    await nextTurn(clock)
    const { path } = skill.instructions
    const described = await describe(skill, pluginAround(path, plugins))
    if (described === undefined) warn(`passed over ${path}: its head is not valid`)
    else found.push(described)
  }
  return found
}

async function describe(
  { instructions: { path, contents }, metadata }: CapabilitySkill,
  plugin: string | undefined,
): Promise<InstalledSkill | undefined> {
  const head = await readSkillHead(contents, nameOf(folderOf(path)))
  if (head === undefined) return undefined
  const name = plugin === undefined ? head.name : `${plugin}:${head.name}`
  if ([...name].length > MAX_QUALIFIED_NAME) return undefined
  return { ...head, name, path, ...(await readSkillMetadata(metadata?.contents)) }
}

/** The names of plugins by their folders. A manifest is two levels below: `FOLDER/.codex-plugin/plugin.json`. */
function namesOfPlugins(manifests: readonly CapabilityFile[]): Map<string, string> {
  const names = new Map<string, string>()
  for (const { path, contents } of manifests) {
    const folder = folderOf(folderOf(path))
    const name = nameIn(contents)
    if (name !== undefined && !names.has(folder)) names.set(folder, name.trim() === '' ? nameOf(folder) : name)
  }
  return names
}

/** The nearest plugin around a file. */
function pluginAround(uri: string, names: ReadonlyMap<string, string>): string | undefined {
  for (let folder = folderOf(uri); folder.length > TOP.length; folder = folderOf(folder)) {
    const name = names.get(folder)
    if (name !== undefined) return name
  }
  return names.get(TOP)
}

const TOP = 'file://'
const folderOf = (uri: string): string => uri.slice(0, uri.lastIndexOf('/'))

/** The last name of a URI. */
export const nameOf = (uri: string): string =>
  (uri.length <= TOP.length ? undefined : parsePath(uri).split('/').at(-1)) ?? ''

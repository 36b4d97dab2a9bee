/** Where Codex keeps what it has installed on this machine. */
import { messageOf } from '../../protocol/wire/errors.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'
import type { SkillFolder } from '../../protocol/schemas/capability-roots.ts'
import type { ConfigFiles } from '../codex-config/config-files.ts'

/** Places that need not exist. */
export type InstalledPlaces = {
  /** An absolute path. */
  pluginCache: string | undefined
  skills: readonly SkillFolder[]
  /** Why places are missing. */
  warnings: readonly string[]
}

/** The places for this user. Without a home, those of the whole machine are left. */
export async function installedPlaces({ systemDirectory, homes }: ConfigFiles): Promise<InstalledPlaces> {
  const system = folder('system-skills', `${systemDirectory}/skills`)
  try {
    const { user, codex } = await homes()
    const own = user === undefined ? [] : [folder('user-agent-skills', `${user}/.agents/skills`)]
    const skills = [folder('codex-home-skills', `${codex}/skills`), ...own, system]
    return { pluginCache: `${codex}/plugins/cache`, skills, warnings: [] }
  } catch (error) {
    return { pluginCache: undefined, skills: [system], warnings: [messageOf(error)] }
  }
}

const folder = (id: SkillFolder['id'], path: string): SkillFolder => ({ id, path: pathToUri(path) })

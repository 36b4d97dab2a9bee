/** Reads the head of a SKILL.md: YAML between two lines of `---`. */
import { repairHead } from './head-repair.ts'
import { ifShaped, isYaml, oneLine, parseYamlMap } from './yaml-map.ts'
import type { YamlMap } from './yaml-map.ts'

/** What a skill says of itself. */
export type SkillHead = { name: string; description: string; shortDescription: string | null }

const MAX_NAME_LENGTH = 64

/** The head of a skill; undefined if it is not valid. `folder`: the name of the skill's folder, which may be its name. */
export async function readSkillHead(contents: string, folder: string): Promise<SkillHead | undefined> {
  const head = headOf(contents)
  if (head === undefined) return undefined
  const fields = fieldsOf(await parseYamlMap(head)) ?? fieldsOf(await parseYamlMap(await repairHead(head, isYaml)))
  if (fields === undefined) return undefined
  const name = oneLine(fields.name) || oneLine(folder) || 'skill'
  const description = oneLine(fields.description)
  if (description === '' || [...name].length > MAX_NAME_LENGTH) return undefined
  return { name, description, shortDescription: oneLine(fields.shortDescription) || null }
}

/** The lines of the head; undefined if there is none. */
function headOf(contents: string): string | undefined {
  const lines = contents.split(/\r?\n/)
  if (lines[0]?.trim() !== '---' || lines[0].startsWith('\ufeff')) return undefined
  const end = lines.findIndex((line, index) => index > 0 && line.trim() === '---')
  return end <= 1 ? undefined : lines.slice(1, end).join('\n')
}

type Fields = { name: string | undefined; description: string | undefined; shortDescription: string | undefined }

/** Undefined if a member is no text. */
function fieldsOf(head: YamlMap | undefined): Fields | undefined {
  if (head === undefined) return undefined
  return ifShaped(() => ({
    name: head.text('name'),
    description: head.text('description'),
    shortDescription: head.map('metadata')?.text('short-description'),
  }))
}

/** The text of environments.toml: what it makes of a devbox, and how it becomes one with the devbox as its default. */
import { isDeepStrictEqual } from 'node:util'
import { formatToml, isTable, parseToml, tableOf } from '../../../core/codex-config/toml.ts'
import type { TomlTable } from '../../../core/codex-config/toml.ts'
import type { EnvironmentSettings, EnvironmentSpec } from '../../../client/environments/spec.ts'
import { LOCAL } from '../../../client/environments/spec.ts'
import { parseEnvironments } from '../../../client/environments/toml.ts'

/** Whether Codex uses this devbox, and nothing else if it cannot reach it. An entry may have another id than `spec`. */
export function leadsTo({ environments, defaultId }: EnvironmentSettings, spec: EnvironmentSpec): boolean {
  const found = environments.find(({ id }) => id === defaultId)
  if (found === undefined || environments.some(({ id }) => id === LOCAL)) return false
  return 'command' in spec ? found.id === spec.id : 'url' in found && isSameUrl(found, spec)
}

type WithUrl = Extract<EnvironmentSpec, { url: unknown }>

const isSameUrl = (found: WithUrl, spec: EnvironmentSpec): boolean =>
  'url' in spec && String(found.url) === String(spec.url) && isDeepStrictEqual(found.headers ?? {}, spec.headers ?? {})

/**
 * A file with this devbox only. `text`: the file that the devbox comes from, if it does; its entry is kept as it is, but
 * for a relative `cwd`, whose base is the file's directory.
 */
export async function fileFor(spec: EnvironmentSpec, text: string | undefined, file: string): Promise<string> {
  const entry = (text === undefined ? undefined : await entryOf(text, file, spec.id)) ?? newEntry(spec)
  if ('command' in spec && spec.cwd !== undefined) entry['cwd'] = spec.cwd
  return formatToml(
    tableOf([
      ['default', spec.id],
      ['include_local', false],
      ['environments', [entry]],
    ]),
  )
}

async function entryOf(text: string, file: string, id: string): Promise<TomlTable | undefined> {
  const { environments } = await parseToml(text, file)
  const entries: unknown[] = Array.isArray(environments) ? environments : []
  return entries.filter(isTable).find((entry) => entry['id'] === id)
}

/** The entry of a devbox that --url names. */
function newEntry(spec: EnvironmentSpec): TomlTable {
  const token = tokenOf(spec)
  return tableOf([
    ['id', spec.id],
    ['url', 'url' in spec ? String(spec.url) : ''],
    ...(token === undefined ? [] : [['auth_bearer_token', token] as const]),
  ])
}

/** The token that the server asks for. */
export function tokenOf(spec: EnvironmentSpec): string | undefined {
  return 'url' in spec ? spec.headers?.['authorization']?.replace(/^Bearer /, '') : undefined
}

/**
 * The text with this devbox as its default, and without this machine; every other line stays. Undefined if the result
 * would not be that, as with a layout that is not edited here.
 */
export async function edited(text: string, spec: EnvironmentSpec, home: string): Promise<string | undefined> {
  const before = await parseEnvironments(text, home)
  const isKnown = before.environments.some(({ id }) => id === spec.id)
  const withKeys = withTopKey(withTopKey(text, 'include_local', 'false'), 'default', JSON.stringify(spec.id))
  const isEdited = 'url' in spec && !leadsTo({ ...without(before), defaultId: spec.id }, spec)
  const after = isEdited ? withEntry(withKeys, isKnown, spec) : withKeys
  const parsed = await parseEnvironments(after, home).catch(() => undefined)
  if (parsed === undefined || !leadsTo(parsed, spec)) return undefined
  const others = (settings: EnvironmentSettings): EnvironmentSpec[] =>
    without(settings).environments.filter(({ id }) => id !== spec.id)
  return isDeepStrictEqual(others(parsed), others(before)) ? after : undefined
}

const without = ({
  environments,
  defaultId,
}: EnvironmentSettings): EnvironmentSettings & { environments: EnvironmentSpec[] } => ({
  environments: environments.filter(({ id }) => id !== LOCAL),
  defaultId,
})

/** Sets a key that stands before the first table, on a line of its own. A comment behind the value stays. */
function withTopKey(text: string, key: string, value: string): string {
  const start = text.search(/^[ \t]*\[/m)
  const head = start < 0 ? text : text.slice(0, start)
  const line = new RegExp(`^([ \\t]*${key}[ \\t]*=[ \\t]*)("[^"\\n]*"|'[^'\\n]*'|\\w+)`, 'm')
  if (line.test(head)) return head.replace(line, (_all, name: string) => name + value) + text.slice(head.length)
  return `${key} = ${value}\n${text}`
}

/** Puts the entry at the end, or in the place of the one with its id. */
function withEntry(text: string, isKnown: boolean, spec: EnvironmentSpec): string {
  const block = `[[environments]]\n${formatToml(newEntry(spec)).replaceAll(/^"(\w+)"/gm, '$1')}`
  if (!isKnown) return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}\n${block}`
  const blocks = text.split(/^(?=[ \t]*\[)/m)
  const id = new RegExp(`^[ \\t]*id[ \\t]*=[ \\t]*["']${spec.id}["']`, 'm')
  return blocks
    .map((each) => {
      if (!/^[ \t]*\[\[[ \t]*environments[ \t]*\]\]/.test(each) || !id.test(each)) return each
      return block + trailing(each)
    })
    .join('')
}

/** The empty lines and comments at the end of a block: they belong to what follows it. */
function trailing(block: string): string {
  const lines = block.split('\n')
  const last = lines.findLastIndex((line) => !/^[ \t]*(?:#.*)?$/.test(line))
  return lines.slice(last + 1).join('\n')
}

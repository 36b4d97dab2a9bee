/** Where a plugin says what is in it. The client reads the rest: here only what leads to other files is looked at. */
import { isJsonObject } from '../../protocol/wire/json.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'

/** Below a plugin's folder, the one that counts first. */
export const MANIFESTS: readonly string[] = [
  '.codex-plugin/plugin.json',
  '.claude-plugin/plugin.json',
  '.cursor-plugin/plugin.json',
]

/** The URIs of a plugin's files; undefined for what it has no file for. */
export type PluginFiles = { mcpConfig: string | undefined; appsConfig: string }

/** `folder` is a URI without a slash at its end. A member that leads nowhere is told, and is as if it were not there. */
export function pluginFiles(
  folder: string,
  manifest: { path: string; contents: string },
  warn: (warning: string) => void,
): PluginFiles {
  const { mcpServers, apps } = members(manifest.contents)
  const file = (name: string, value: unknown, usual: string): string => {
    if (typeof value !== 'string') return `${folder}/${usual}`
    const below = partsBelow(value)
    if (Array.isArray(below))
      return folder + below.map((part) => pathToUri(`/${part}`).slice('file://'.length)).join('')
    warn(`passed over ${name} in ${manifest.path}: ${below}`)
    return `${folder}/${usual}`
  }
  return {
    // An object is the configuration itself.
    mcpConfig: isJsonObject(mcpServers as JsonValue) ? undefined : file('mcpServers', mcpServers, '.mcp.json'),
    appsConfig: file('apps', apps, '.app.json'),
  }
}

/** None, if it cannot be read: what is wrong with it is the client's to tell. */
function members(manifest: string): { mcpServers?: unknown; apps?: unknown } {
  try {
    const value: unknown = JSON.parse(manifest)
    return isJsonObject(value as JsonValue) ? (value as object) : {}
  } catch {
    return {}
  }
}

/** No operating system takes a longer one. */
const MAX_PATH = 4096

/** The names on the way from the plugin's folder, or what is wrong with the path. */
function partsBelow(path: string): string[] | string {
  if (!path.startsWith('./')) return 'a path begins with ./'
  if (path.length > MAX_PATH) return 'it is too long'
  const rest = path.slice(2)
  const parts = rest.split('/')
  const isBelow = rest !== '' && !rest.startsWith('/') && !parts.includes('..') && !rest.includes('\0')
  if (!isBelow) return 'a path stays below the folder of its plugin'
  return parts.filter((part) => part !== '' && part !== '.')
}

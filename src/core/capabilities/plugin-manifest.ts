/** Reads a plugin's manifest, as far as it refers to other files. The client interprets the rest. */
import { isJsonObject } from '../../protocol/wire/json.ts'
import type { JsonValue } from '../../protocol/wire/json.ts'
import { pathToUri } from '../../protocol/schemas/path-uri.ts'

/** Paths of the manifest in a plugin's directory, highest precedence first. */
export const MANIFESTS: readonly string[] = [
  '.codex-plugin/plugin.json',
  '.claude-plugin/plugin.json',
  '.cursor-plugin/plugin.json',
]

/** The URIs of a plugin's files; undefined where the manifest contains the configuration itself. */
export type PluginFiles = { mcpConfig: string | undefined; appsConfig: string }

/**
 * Resolves the files that a manifest refers to. `folder` is a URI without a trailing slash. An invalid reference adds a
 * warning and falls back to the default.
 */
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
    // An object is the inline configuration.
    mcpConfig: isJsonObject(mcpServers as JsonValue) ? undefined : file('mcpServers', mcpServers, '.mcp.json'),
    appsConfig: file('apps', apps, '.app.json'),
  }
}

/** A plugin's name; empty if it has none, undefined if the manifest cannot be parsed, or the name is no text. */
export function nameIn(manifest: string): string | undefined {
  const { name = '' } = parsed(manifest) ?? { name: null }
  return typeof name === 'string' && name.isWellFormed() ? name : undefined
}

/**
 * The name that a plugin shows to people. `folder`: the name of its folder, which may be its name. Undefined if the manifest
 * is not valid.
 */
export function displayNameIn(manifest: string, folder: string): string | undefined {
  const name = nameIn(manifest)
  const { interface: product, apps } = parsed(manifest) ?? {}
  if (name === undefined || !isOptional(apps, 'string') || !isOptional(product, 'object') || Array.isArray(product))
    return undefined
  const { displayName } = (product ?? {}) as { displayName?: unknown }
  if (!isOptional(displayName, 'string') || !String(displayName ?? '').isWellFormed()) return undefined
  return String(displayName ?? '').trim() || (name.trim() === '' ? folder : name)
}

/** Whether a value is of this type, if it is there. */
const isOptional = (value: unknown, type: 'string' | 'object'): boolean =>
  value === undefined || value === null || typeof value === type

/** Undefined if it is no object in JSON. */
function parsed(manifest: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(manifest)
    return isJsonObject(value as JsonValue) ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Empty if the manifest cannot be parsed: reporting that is up to the client. */
function members(manifest: string): { mcpServers?: unknown; apps?: unknown } {
  return parsed(manifest) ?? {}
}

/** PATH_MAX; no operating system accepts more. */
const MAX_PATH = 4096

/** The path's segments below the plugin's directory, or what is wrong with the path. */
function partsBelow(path: string): string[] | string {
  if (!path.startsWith('./')) return 'a path begins with ./'
  if (path.length > MAX_PATH) return 'it is too long'
  const rest = path.slice(2)
  const parts = rest.split('/')
  const isBelow = rest !== '' && !rest.startsWith('/') && !parts.includes('..') && !rest.includes('\0')
  if (!isBelow) return 'a path stays below the folder of its plugin'
  return parts.filter((part) => part !== '' && part !== '.')
}

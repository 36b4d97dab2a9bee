/** How a sandbox is written on the wire. */

export type Access = 'read' | 'write' | 'deny' | 'none'

export type EntryPath = object

export const literal = (uri: string): EntryPath => ({ type: 'path', path: uri })
export const glob = (pattern: string): EntryPath => ({ type: 'glob_pattern', pattern })
export const special = (kind: string, more: object = {}): EntryPath => ({ type: 'special', value: { kind, ...more } })

export type Entry = { path: EntryPath; access: string; missing_path_behavior?: string }

export const entry = (path: EntryPath, access: string, more: object = {}): Entry => ({ path, access, ...more })
export const read = (path: EntryPath): Entry => entry(path, 'read')
export const write = (path: EntryPath): Entry => entry(path, 'write')
export const deny = (path: EntryPath): Entry => entry(path, 'deny')

export const ROOT = special('root')
export const MINIMAL = special('minimal')
export const ROOTS = special('project_roots')

export function managed(entries: readonly Entry[], network = 'restricted', more: object = {}): object {
  return { type: 'managed', file_system: { type: 'restricted', entries, ...more }, network }
}

/** As 0.169 sends it. */
export function context(permissions: unknown, more: object = {}): object {
  return {
    permissions,
    windowsSandboxLevel: 'disabled',
    windowsSandboxProxySettingsMode: 'reconcile',
    useLegacyLandlock: false,
    ...more,
  }
}

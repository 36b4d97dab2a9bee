/** Encodes a sandbox as a permission profile, which servers from 0.125 on accept. Older ones reject it. */
import type { EntryPath, Sandbox } from '../../protocol/schemas/sandbox.ts'
import type { PathEncoder } from './rpc-client.ts'

/**
 * Builds the `sandbox` member of a request. Servers up to 0.140 do not know workspace roots and use the cwd as the only
 * one, so for them each root is written out as a path.
 */
export function toSandboxContext({ files, network, cwd, workspaceRoots }: Sandbox, paths: PathEncoder): object {
  const roots = workspaceRoots ?? (cwd === undefined ? undefined : [cwd])
  const expanded = roots !== undefined && !paths.encode('/').startsWith('file:') ? roots : undefined
  return {
    permissions: { type: 'managed', file_system: fileSystem(files, paths, expanded), network },
    ...(cwd === undefined ? {} : { cwd: paths.encode(cwd) }),
    ...(roots === undefined ? {} : { workspaceRoots: roots.map((root) => paths.encode(root)) }),
    // Windows only, but servers require the member.
    windowsSandboxLevel: 'disabled',
  }
}

function fileSystem(files: Sandbox['files'], paths: PathEncoder, expanded: readonly string[] | undefined): object {
  if (files.unrestricted) return { type: 'unrestricted' }
  return {
    type: 'restricted',
    entries: files.entries.flatMap(({ at, access }) =>
      // Every release knows `none`; `deny` is newer.
      pathsOf(at, paths, expanded).map((path) => ({ path, access: access === 'deny' ? 'none' : access })),
    ),
    ...(files.globScanMaxDepth === undefined ? {} : { glob_scan_max_depth: files.globScanMaxDepth }),
  }
}

function pathsOf(at: EntryPath, paths: PathEncoder, expanded: readonly string[] | undefined): object[] {
  switch (at.type) {
    case 'path':
      return [{ type: 'path', path: paths.encode(at.path) }]
    case 'glob':
      return [{ type: 'glob_pattern', pattern: at.pattern }]
    case 'project_roots': {
      const { subpath } = at
      const below = subpath === undefined ? '' : `/${subpath}`
      if (expanded !== undefined)
        return expanded.map((root) => ({ type: 'path', path: paths.encode(`${root}${below}`) }))
      return [{ type: 'special', value: { kind: 'project_roots', ...(subpath === undefined ? {} : { subpath }) } }]
    }
    // It stands for what no server enforces.
    case 'unknown':
      return []
    default:
      return [{ type: 'special', value: { kind: at.type } }]
  }
}

/** What the agent may do on the devbox, and the sandbox that enforces it. */
import type { Sandbox } from '../client/base/types.ts'

/** The values of `--sandbox`. */
export const SANDBOX_MODES = ['read-only', 'workspace-write', 'full'] as const
export type SandboxMode = (typeof SANDBOX_MODES)[number]

export type Policy = { mode: SandboxMode; hasNetwork: boolean; workspace: string }

type Entries = Extract<Sandbox['files'], { unrestricted: false }>['entries']

/**
 * The sandbox of every command and file call. Undefined: everything is allowed. `roots` are the directories that may be
 * written with `workspace-write`.
 */
export function sandboxOf(
  { mode, hasNetwork, workspace }: Policy,
  roots: readonly string[] = [workspace],
): Sandbox | undefined {
  const place: Omit<Sandbox, 'files'> = {
    network: hasNetwork ? 'enabled' : 'restricted',
    cwd: workspace,
    workspaceRoots: [...roots],
  }
  if (mode === 'full') return hasNetwork ? undefined : { files: { unrestricted: true }, ...place }
  const entries: Entries = [{ at: { type: 'root' }, access: 'read' }]
  if (mode === 'workspace-write')
    entries.push(
      { at: { type: 'project_roots' }, access: 'write' },
      { at: { type: 'slash_tmp' }, access: 'write' },
      { at: { type: 'tmpdir' }, access: 'write' },
    )
  return { files: { unrestricted: false, entries }, ...place }
}

/** The policy in words, for the model. */
export function describePolicy({ mode, hasNetwork, workspace }: Policy): string {
  const files = {
    'read-only': 'All files can be read, none written.',
    'workspace-write': `All files can be read; ${workspace} and the temporary directories can be written.`,
    full: 'All files can be read and written.',
  }[mode]
  return `${files} Commands have ${hasNetwork ? 'network access' : 'no network'}.`
}

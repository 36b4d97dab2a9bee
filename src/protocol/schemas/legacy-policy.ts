/** The policies of protocol 0.121 and 0.123, and the file system policy that 0.123 and 0.125 send beside them. */
import * as v from 'valibot'
import { depth, entries, entriesOf, network, paths, restrictTo, unrestricted } from './file-permissions.ts'
import type { Permissions } from './file-permissions.ts'
import type { Entry, Network } from './sandbox.ts'
import { isNothing, optional } from './schema-primitives.ts'

const flag = v.optional(v.boolean(), false)

const readAccess = optional(
  v.variant('type', [
    v.object({ type: v.literal('full-access') }),
    v.object({
      type: v.literal('restricted'),
      include_platform_defaults: v.optional(v.boolean(), true),
      readable_roots: paths,
    }),
  ]),
)

type ReadAccess = v.InferOutput<typeof readAccess>

function readable(access: ReadAccess): Entry[] {
  if (isNothing(access) || access.type === 'full-access') return [{ at: { type: 'root' }, access: 'read' }]
  return [
    ...(access.include_platform_defaults ? [{ at: { type: 'minimal' }, access: 'read' } as const] : []),
    ...entriesOf({ read: access.readable_roots }),
  ]
}

const networkOf = (enabled: boolean): Network => (enabled ? 'enabled' : 'restricted')

const writeSpecial = (type: 'slash_tmp' | 'tmpdir' | 'project_roots'): Entry => ({ at: { type }, access: 'write' })

/** Schema of the legacy policy of 0.121 and 0.123. */
export const LegacyPolicy = v.variant('type', [
  v.pipe(
    v.object({ type: v.literal('danger-full-access') }),
    v.transform((): Permissions => ({ files: unrestricted(), network: 'enabled' })),
  ),
  v.pipe(
    v.object({ type: v.literal('external-sandbox'), network_access: v.optional(network, 'restricted') }),
    v.transform(({ network_access: network }): Permissions => ({ files: unrestricted(), network })),
  ),
  v.pipe(
    v.object({ type: v.literal('read-only'), access: readAccess, network_access: flag }),
    v.transform(
      ({ access, network_access }): Permissions => ({
        files: restrictTo({ entries: readable(access) }),
        network: networkOf(network_access),
      }),
    ),
  ),
  v.pipe(
    v.object({
      type: v.literal('workspace-write'),
      writable_roots: paths,
      read_only_access: readAccess,
      network_access: flag,
      exclude_tmpdir_env_var: flag,
      exclude_slash_tmp: flag,
    }),
    v.transform((policy): Permissions => {
      const entries = [
        ...readable(policy.read_only_access),
        writeSpecial('project_roots'),
        ...entriesOf({ write: policy.writable_roots }),
        ...(policy.exclude_slash_tmp ? [] : [writeSpecial('slash_tmp')]),
        ...(policy.exclude_tmpdir_env_var ? [] : [writeSpecial('tmpdir')]),
      ]
      return { files: restrictTo({ entries }), network: networkOf(policy.network_access) }
    }),
  ),
])

/** The file system policy of 0.123 and 0.125. The legacy policy next to it is derived from it and less precise. */
export const FileSystemPolicy = v.variant('kind', [
  v.pipe(v.object({ kind: v.picklist(['unrestricted', 'external-sandbox']) }), v.transform(unrestricted)),
  v.pipe(
    v.object({ kind: v.literal('restricted'), entries, glob_scan_max_depth: depth }),
    v.transform((files) => restrictTo(files)),
  ),
])

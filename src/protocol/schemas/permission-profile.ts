/** The permission profiles of protocol 0.125 and later: tagged, and untagged up to 0.140. */
import * as v from 'valibot'
import { depth, entries, entriesOf, network, paths, restrictTo, unrestricted } from './file-permissions.ts'
import type { Permissions } from './file-permissions.ts'
import type { Entry } from './sandbox.ts'
import { anObject, hasMember, optional } from './schema-primitives.ts'

const managedFiles = v.variant('type', [
  v.pipe(v.object({ type: v.literal('unrestricted') }), v.transform(unrestricted)),
  v.pipe(
    v.object({ type: v.literal('restricted'), entries, glob_scan_max_depth: depth }),
    v.transform((files) => restrictTo(files)),
  ),
])

/** Permission profiles. Members other than files and network do not concern the executor. */
const taggedPermissions = v.variant('type', [
  v.pipe(
    v.object({ type: v.literal('managed'), file_system: managedFiles, network }),
    v.transform(({ file_system: files, network }): Permissions => ({ files, network })),
  ),
  v.pipe(
    v.object({ type: v.literal('disabled') }),
    v.transform((): Permissions => ({ files: unrestricted(), network: 'enabled' })),
  ),
  v.pipe(
    v.object({ type: v.literal('external'), network }),
    v.transform(({ network }): Permissions => ({ files: unrestricted(), network })),
  ),
])

/** Grants in addition to a legacy policy; on their own, the untagged profile of 0.125 to 0.140. */
export const Grants = v.pipe(
  anObject,
  v.object({
    file_system: optional(
      v.pipe(anObject, v.object({ read: paths, write: paths, entries: optional(entries), glob_scan_max_depth: depth })),
    ),
    network: optional(v.pipe(anObject, v.object({ enabled: optional(v.boolean()) }))),
  }),
)

export type Grants = v.InferOutput<typeof Grants>

/** The entries that grants add. */
export function granted({ file_system: files }: Grants): Entry[] {
  return [...(files?.entries ?? []), ...entriesOf(files ?? {})]
}

const untaggedPermissions = v.pipe(
  Grants,
  v.check(({ file_system, network }) => Boolean(file_system ?? network), 'missing member `type`'),
  v.transform(
    (grants): Permissions => ({
      files: restrictTo({ entries: granted(grants), glob_scan_max_depth: grants.file_system?.glob_scan_max_depth }),
      network: grants.network?.enabled === true ? 'enabled' : 'restricted',
    }),
  ),
)

/** Schema of a permission profile, tagged or untagged. */
export const PermissionProfile = v.lazy((input) => (hasMember(input, 'type') ? taggedPermissions : untaggedPermissions))

/**
 * Decodes the sandbox object of requests, in every protocol version, into one form.
 *
 * 0.121 and 0.123 send a legacy policy; 0.125 and later a permission profile, with native paths up to 0.140 and file
 * URIs from 0.150 on. Unknown forms are rejected, never treated as "no sandbox".
 */
import * as v from 'valibot'
import { paths } from './file-permissions.ts'
import { FileSystemPolicy, LegacyPolicy } from './legacy-policy.ts'
import { granted, Grants, PermissionProfile } from './permission-profile.ts'
import type { Sandbox } from './sandbox.ts'
import { mapSandbox } from './sandbox-map.ts'
import { anObject, hasMember, isNothing, optional, path, pathMapOf } from './schema-primitives.ts'

const workspace = { cwd: optional(path), workspaceRoots: paths }

/** What the policy's symbolic paths mean. A home that is no path here, one of Windows for example, has no effect. */
const policyContext = optional(
  v.pipe(anObject, v.object({ ...workspace, userHomeDir: v.fallback(optional(path), undefined) })),
)

function workspaceOf({
  cwd,
  workspaceRoots,
}: {
  cwd?: string | null | undefined
  workspaceRoots?: string[] | null | undefined
}) {
  return { ...(isNothing(cwd) ? {} : { cwd }), ...(isNothing(workspaceRoots) ? {} : { workspaceRoots }) }
}

const profileContext = v.pipe(
  v.object({
    permissions: PermissionProfile,
    ...workspace,
    policyContext,
  }),
  v.transform(
    ({ permissions, policyContext: context, ...flat }): Sandbox => ({
      ...permissions,
      ...workspaceOf(context ?? flat),
      ...(isNothing(context?.userHomeDir) ? {} : { home: context.userHomeDir }),
    }),
  ),
)

const legacyContext = v.pipe(
  v.object({
    sandboxPolicy: LegacyPolicy,
    sandboxPolicyCwd: optional(path),
    fileSystemSandboxPolicy: optional(FileSystemPolicy),
    additionalPermissions: optional(Grants),
  }),
  v.check(
    ({ fileSystemSandboxPolicy, sandboxPolicyCwd }) =>
      isNothing(fileSystemSandboxPolicy) || !isNothing(sandboxPolicyCwd),
    'fileSystemSandboxPolicy requires sandboxPolicyCwd',
  ),
  v.transform(({ sandboxPolicy, sandboxPolicyCwd, fileSystemSandboxPolicy, additionalPermissions }): Sandbox => {
    const files = fileSystemSandboxPolicy ?? sandboxPolicy.files
    const more = additionalPermissions ?? {}
    return {
      files: files.unrestricted ? files : { ...files, entries: [...files.entries, ...granted(more)] },
      network: more.network?.enabled === true ? 'enabled' : sandboxPolicy.network,
      ...(isNothing(sandboxPolicyCwd) ? { cwdImplied: true } : { cwd: sandboxPolicyCwd }),
    }
  }),
)

/** Globs, and entries for folders above mapped ones. */
const mapped = v.rawTransform<Sandbox, Sandbox>(({ dataset, config }) => {
  const map = pathMapOf(config)
  return map === undefined ? dataset.value : mapSandbox(dataset.value, map)
})

/** Schema of the sandbox member of requests. Absent and null mean no sandbox. */
export const SandboxContext = optional(
  v.pipe(
    v.lazy((input) =>
      hasMember(input, 'sandboxPolicy') && !hasMember(input, 'permissions') ? legacyContext : profileContext,
    ),
    mapped,
  ),
)

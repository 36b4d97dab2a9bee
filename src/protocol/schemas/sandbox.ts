/**
 * Decodes the sandbox object of requests, in every protocol version, into one form.
 *
 * 0.121 and 0.123 send a legacy policy; 0.125 and later a permission profile, with native paths up to 0.140 and file
 * URIs from 0.150 on. Unknown forms are rejected, never treated as "no sandbox".
 */
import * as v from 'valibot'
import { anObject, optional, path } from './schema-primitives.ts'

/** Access to a path; `write` includes reading. */
export type Access = 'read' | 'write' | 'deny'
/** Network access of a sandbox. */
export type Network = 'restricted' | 'enabled'

/** The path or paths of a profile entry. */
export type EntryPath =
  | { type: 'path'; path: string }
  /** Relative patterns are resolved against the sandbox's cwd. */
  | { type: 'glob'; pattern: string }
  | { type: 'root' | 'minimal' | 'tmpdir' | 'slash_tmp' | 'unknown' }
  /** `subpath` is resolved against each workspace root. */
  | { type: 'project_roots'; subpath?: string }

/** One entry of a permission profile. */
export type Entry = { at: EntryPath; access: Access }

/** File access: unrestricted, or as the entries say. */
export type FilePermissions =
  | { unrestricted: true }
  | { unrestricted: false; entries: Entry[]; globScanMaxDepth?: number }

/** What enforces a command's sandbox, by the protocol's names. */
export type SandboxType = 'none' | 'linuxSeccomp' | 'macosSeatbelt'

/** A decoded sandbox object. */
export type Sandbox = {
  files: FilePermissions
  network: Network
  /** Base of relative entries. Absent if the request has none. */
  cwd?: string
  /** Protocol 0.121 has no member for the cwd: the server must infer it. */
  cwdImplied?: true
  /** Value of `project_roots`. Absent (clients before 0.150): the cwd. */
  workspaceRoots?: string[]
}

const access = v.pipe(
  v.picklist(['read', 'write', 'deny', 'none']),
  v.transform((word): Access => (word === 'none' ? 'deny' : word)),
)

const subpath = optional(
  v.pipe(
    v.string(),
    v.check(
      (text) => !text.startsWith('/') && !text.split('/').includes('..') && !text.includes('\0'),
      'expected a path below a workspace root',
    ),
  ),
)

const special = v.variant('kind', [
  v.pipe(
    v.object({ kind: v.picklist(['root', 'minimal', 'tmpdir', 'slash_tmp', 'unknown']) }),
    v.transform(({ kind }): EntryPath => ({ type: kind })),
  ),
  v.pipe(
    v.object({ kind: v.picklist(['project_roots', 'current_working_directory']), subpath }),
    v.transform(({ subpath }): EntryPath => ({ type: 'project_roots', ...(isNothing(subpath) ? {} : { subpath }) })),
  ),
])

const pattern = v.pipe(
  v.string(),
  v.check((text) => !text.includes('\0'), 'pattern contains a NUL byte'),
)

const entryPath = v.variant('type', [
  v.object({ type: v.literal('path'), path }),
  v.pipe(
    v.object({ type: v.literal('glob_pattern'), pattern }),
    v.transform(({ pattern }): EntryPath => ({ type: 'glob', pattern })),
  ),
  v.pipe(
    v.object({ type: v.literal('special'), value: special }),
    v.transform(({ value }) => value),
  ),
])

/** A hundred times more than any real profile has; each entry costs a few stat calls and a mount. */
const MAX_ENTRIES = 4096

const entries = v.pipe(
  v.array(
    v.pipe(
      // `missing_path_behavior` is ignored: missing paths are always skipped.
      v.object({ path: entryPath, access, missing_path_behavior: optional(v.string()) }),
      v.transform(({ path: at, access }): Entry => ({ at, access })),
    ),
  ),
  v.maxLength(MAX_ENTRIES),
)

const depth = optional(
  v.custom<number>(
    (value) => typeof value === 'number' && Number.isInteger(value) && value >= 1,
    'expected a nonzero integer',
  ),
)

function restrictTo(files: { entries: Entry[]; glob_scan_max_depth?: number | null | undefined }): FilePermissions {
  const { entries, glob_scan_max_depth: depth } = files
  return { unrestricted: false, entries, ...(isNothing(depth) ? {} : { globScanMaxDepth: depth }) }
}

const network = v.picklist(['restricted', 'enabled'])

type Permissions = { files: FilePermissions; network: Network }

const unrestricted = (): FilePermissions => ({ unrestricted: true })

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

const paths = optional(v.pipe(v.array(path), v.maxLength(MAX_ENTRIES)))

/** Grants in addition to a legacy policy; on their own, the untagged profile of 0.125 to 0.140. */
const Grants = v.pipe(
  anObject,
  v.object({
    file_system: optional(
      v.pipe(anObject, v.object({ read: paths, write: paths, entries: optional(entries), glob_scan_max_depth: depth })),
    ),
    network: optional(v.pipe(anObject, v.object({ enabled: optional(v.boolean()) }))),
  }),
)

type Grants = v.InferOutput<typeof Grants>

function granted({ file_system: files }: Grants): Entry[] {
  const literal =
    (access: Access) =>
    (path: string): Entry => ({ at: { type: 'path', path }, access })
  return [
    ...(files?.entries ?? []),
    ...(files?.read ?? []).map(literal('read')),
    ...(files?.write ?? []).map(literal('write')),
  ]
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

const place = { cwd: optional(path), workspaceRoots: paths }

function placed({
  cwd,
  workspaceRoots,
}: {
  cwd?: string | null | undefined
  workspaceRoots?: string[] | null | undefined
}) {
  return { ...(isNothing(cwd) ? {} : { cwd }), ...(isNothing(workspaceRoots) ? {} : { workspaceRoots }) }
}

const profileContext = v.pipe(
  v.object({ permissions: PermissionProfile, ...place, policyContext: optional(v.pipe(anObject, v.object(place))) }),
  v.transform(
    ({ permissions, policyContext, ...flat }): Sandbox => ({ ...permissions, ...placed(policyContext ?? flat) }),
  ),
)

// ---- the legacy policies ----

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
    ...granted({ file_system: { read: access.readable_roots } }),
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
        ...granted({ file_system: { write: policy.writable_roots } }),
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

/** Schema of the sandbox member of requests. Absent and null mean no sandbox. */
export const SandboxContext = optional(
  v.lazy((input) =>
    hasMember(input, 'sandboxPolicy') && !hasMember(input, 'permissions') ? legacyContext : profileContext,
  ),
)

function hasMember(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && name in value
}

function isNothing(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

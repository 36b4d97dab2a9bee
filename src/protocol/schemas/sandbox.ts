/** The sandbox of a request in the one form that the server works with; sandbox-context.ts decodes it. */

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
  /** A home directory that globs with `~/` are about, besides the server's. */
  home?: string
}

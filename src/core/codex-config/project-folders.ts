/** Finds the `.codex` directories of the projects that the user trusts. */
import { isWithin } from '../../base/paths.ts'
import { normalizePath } from '../../protocol/schemas/path-uri.ts'
import type { ConfigFiles } from './config-files.ts'
import type { ProjectRules } from './project-rules.ts'
import { hasGit, repositoryAround, ancestorsFrom, joinPath } from './repository.ts'
import type { Repository } from './repository.ts'

/** A project's configuration directory. */
export type ProjectFolder = {
  /** The `.codex` directory. */
  path: string
  /**
   * How to treat hooks, the commands that Codex runs on its own: a linked worktree takes them only from the
   * repository's main checkout.
   */
  hooks: 'kept' | 'left out' | 'only'
}

/** The trusted configuration directories from the project's root down to `cwd`, i.e. in ascending precedence. */
export async function projectFolders(
  cwd: string,
  codexHome: string,
  rules: ProjectRules,
  files: ConfigFiles,
): Promise<ProjectFolder[]> {
  const repository = await repositoryAround(cwd, files)
  const directories = await trustedDirectories(cwd, repository, rules, files)
  const home = (await files.canonicalize(codexHome)) ?? codexHome
  // Codex's home belongs to the user's own layer, not to a project.
  const isFolder = async ({ path }: ProjectFolder): Promise<boolean> => {
    return (await files.kindOf(path)) === 'directory' && (await files.canonicalize(path)) !== home
  }
  const found: ProjectFolder[] = []
  for (const directory of directories) {
    const [own, main] = foldersOf(directory, repository)
    if (!(await isFolder(own))) continue
    found.push(own)
    if (main !== undefined && (await isFolder(main))) found.push(main)
  }
  return found
}

function foldersOf(directory: string, repository: Repository | undefined): [ProjectFolder, ProjectFolder?] {
  const path = joinPath(directory, '.codex')
  if (repository === undefined || repository.top === repository.main || !isWithin(directory, repository.top))
    return [{ path, hooks: 'kept' }]
  const inMain = normalizePath(`${repository.main}/${directory.slice(repository.top.length)}`)
  return [
    { path, hooks: 'left out' },
    { path: joinPath(inMain, '.codex'), hooks: 'only' },
  ]
}

async function trustedDirectories(
  cwd: string,
  repository: Repository | undefined,
  rules: ProjectRules,
  files: ConfigFiles,
): Promise<string[]> {
  // The user's configuration may name the canonical path or this one.
  const trustIn = async (directory: string): Promise<boolean | undefined> => {
    return rules.trust.get((await files.canonicalize(directory)) ?? directory) ?? rules.trust.get(directory)
  }
  const directories = await downFromRoot(cwd, rules, files)
  const general = (await trustIn(directories[0] ?? cwd)) ?? (repository && (await trustIn(repository.main))) ?? false
  const trusted: string[] = []
  for (const directory of directories) if ((await trustIn(directory)) ?? general) trusted.push(directory)
  return trusted
}

/** The project's directories from its root down to `cwd`; only `cwd` if there is no root. */
async function downFromRoot(cwd: string, { rootMarkers }: ProjectRules, files: ConfigFiles): Promise<string[]> {
  const directories: string[] = []
  for (const directory of ancestorsFrom(cwd)) {
    directories.push(directory)
    for (const marker of rootMarkers) if (await hasMarker(directory, marker, files)) return directories.reverse()
  }
  return [cwd]
}

const hasMarker = async (directory: string, marker: string, files: ConfigFiles): Promise<boolean> =>
  marker === '.git'
    ? hasGit(directory, files)
    : (await files.kindOf(marker.startsWith('/') ? marker : joinPath(directory, marker))) !== undefined

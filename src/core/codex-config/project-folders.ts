/** The configuration that projects bring along, in a `.codex` directory: only that of those whom the user trusts. */
import { normalizePath } from '../../protocol/schemas/path-uri.ts'
import type { ConfigFiles } from './config-files.ts'
import type { ProjectRules } from './project-rules.ts'
import { hasGit, repositoryAround, upwardFrom, within } from './repository.ts'
import type { Repository } from './repository.ts'

export type ProjectFolder = {
  /** The `.codex` directory. */
  path: string
  /** Commands that Codex runs of itself come from the main checkout of a repository only, whatever a linked worktree has. */
  hooks: 'kept' | 'left out' | 'only'
}

/** From the root of the project down to `cwd`, which is to say in the order of their precedence. */
export async function projectFolders(
  cwd: string,
  codexHome: string,
  rules: ProjectRules,
  files: ConfigFiles,
): Promise<ProjectFolder[]> {
  const repository = await repositoryAround(cwd, files)
  const directories = await trustedDirectories(cwd, repository, rules, files)
  const home = (await files.canonicalize(codexHome)) ?? codexHome
  // The user's own directory is that already, and no project's.
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
  const path = within(directory, '.codex')
  if (repository === undefined || repository.top === repository.main || !isWithin(directory, repository.top))
    return [{ path, hooks: 'kept' }]
  const inMain = normalizePath(`${repository.main}/${directory.slice(repository.top.length)}`)
  return [
    { path, hooks: 'left out' },
    { path: within(inMain, '.codex'), hooks: 'only' },
  ]
}

const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(within(directory, ''))

async function trustedDirectories(
  cwd: string,
  repository: Repository | undefined,
  rules: ProjectRules,
  files: ConfigFiles,
): Promise<string[]> {
  // The user may have written the real path or the one that was taken.
  const trustIn = async (directory: string): Promise<boolean | undefined> => {
    return rules.trust.get((await files.canonicalize(directory)) ?? directory) ?? rules.trust.get(directory)
  }
  const directories = await downFromRoot(cwd, rules, files)
  const general = (await trustIn(directories[0] ?? cwd)) ?? (repository && (await trustIn(repository.main))) ?? false
  const trusted: string[] = []
  for (const directory of directories) if ((await trustIn(directory)) ?? general) trusted.push(directory)
  return trusted
}

/** The directories of the project from its root to `cwd`, or `cwd` alone if there is no root. */
async function downFromRoot(cwd: string, { rootMarkers }: ProjectRules, files: ConfigFiles): Promise<string[]> {
  const directories: string[] = []
  for (const directory of upwardFrom(cwd)) {
    directories.push(directory)
    for (const marker of rootMarkers) if (await hasMarker(directory, marker, files)) return directories.reverse()
  }
  return [cwd]
}

const hasMarker = async (directory: string, marker: string, files: ConfigFiles): Promise<boolean> =>
  marker === '.git'
    ? hasGit(directory, files)
    : (await files.kindOf(marker.startsWith('/') ? marker : within(directory, marker))) !== undefined

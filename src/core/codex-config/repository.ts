/** Finds the git repository around a directory, to decide whether to trust it. */
import { normalizePath } from '../../protocol/schemas/path-uri.ts'
import type { ConfigFiles } from './config-files.ts'

/** A git checkout. */
export type Repository = {
  /** The directory that holds `.git`. */
  top: string
  /** The checkout whose trust applies: the main one for a linked worktree, otherwise this one. */
  main: string
}

/** Yields the directory and all its ancestors, up to the root. */
export function* ancestorsFrom(directory: string): Generator<string> {
  for (let at = directory; ; at = parentOf(at)) {
    yield at
    if (at === '/') return
  }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/'
/** Joins a directory and a name. */
export const joinPath = (directory: string, name: string): string => `${directory === '/' ? '' : directory}/${name}`

/** Whether a directory has a valid `.git`: a file that refers to a repository elsewhere, or a directory with a HEAD. */
export async function hasGit(directory: string, files: ConfigFiles): Promise<boolean> {
  const git = joinPath(directory, '.git')
  const kind = await files.kindOf(git)
  return kind === 'file' || (kind === 'directory' && (await files.kindOf(`${git}/HEAD`)) !== undefined)
}

/** The nearest repository around a directory; undefined if there is none, or its worktree link is not genuine. */
export async function repositoryAround(directory: string, files: ConfigFiles): Promise<Repository | undefined> {
  for (const top of ancestorsFrom(directory)) {
    if (!(await hasGit(top, files))) continue
    const main =
      (await files.kindOf(joinPath(top, '.git'))) === 'directory'
        ? top
        : await mainCheckout(top, files).catch(() => undefined)
    return main === undefined ? undefined : { top, main }
  }
  return undefined
}

/**
 * The main checkout of a linked worktree. Its repository must list the worktree: otherwise any `.git` file could claim
 * to belong to a trusted repository and have its directory trusted.
 */
async function mainCheckout(top: string, files: ConfigFiles): Promise<string | undefined> {
  const read = async (path: string): Promise<string> => (await files.read(path))?.trim() ?? ''
  const git = joinPath(top, '.git')
  const [, stated] = /^gitdir:\s*(.+)$/s.exec(await read(git)) ?? []
  if (stated === undefined) return undefined
  const administration = resolve(top, stated)
  const common = resolve(administration, await read(`${administration}/commondir`))
  const back = resolve(administration, await read(`${administration}/gitdir`))
  const isLinked = common.endsWith('/.git') && (await isSame(parentOf(administration), `${common}/worktrees`, files))
  // A symlink to the `.git` of a genuine worktree does not count either.
  const knows =
    isLinked && (await files.canonicalize(back)) === joinPath((await files.canonicalize(top)) ?? top, '.git')
  return knows ? parentOf(common) : undefined
}

const resolve = (from: string, path: string): string => normalizePath(path.startsWith('/') ? path : `${from}/${path}`)

async function isSame(one: string, other: string, files: ConfigFiles): Promise<boolean> {
  const path = await files.canonicalize(one)
  return path !== undefined && path === (await files.canonicalize(other))
}

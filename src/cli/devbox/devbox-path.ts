/** Paths on the devbox as a person writes them: `~` is the home of the server's user, and others start at its directory. */
import { fileURLToPath } from 'node:url'
import type { ExecClient } from '../../client/base/types.ts'
import { CommandError, OWN_FAILURE } from './base/command-error.ts'

/**
 * Makes a path absolute, and leaves its `.` and `..` to the devbox, where they follow links. `~USER` is not expanded: it
 * is a name.
 * @throws {CommandError} if the server does not tell where its home, or its directory, is
 */
export function devboxPath(client: Pick<ExecClient, 'environmentInfo'>, path: string): string {
  if (path.startsWith('/')) return path
  const { userHomeDir, cwd } = client.environmentInfo ?? {}
  const isHome = path === '~' || path.startsWith('~/')
  const base = isHome ? known(userHomeDir, '~', path) : known(cwd ?? undefined, 'its directory', path)
  const below = isHome ? path.slice(2) : path
  return below === '' ? base : `${base === '/' ? '' : base}/${below}`
}

/** A path of the server's, which may be a URI. */
function known(place: string | undefined, what: string, path: string): string {
  if (place === undefined)
    throw new CommandError(`this server does not tell where ${what} is: ${path} must be absolute`, OWN_FAILURE)
  return place.startsWith('file:') ? fileURLToPath(place) : place
}

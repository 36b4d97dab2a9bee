/** Glob patterns: sources on the devbox, and what is left out of a copy. */
import { readdirSync } from 'node:fs'
import { posix } from 'node:path'
import { decodeName } from '../../protocol/schemas/path-uri.ts'
import { nativePath } from '../fs/native-path.ts'

const SPECIAL = /[*?[\\{]/

/** The paths that match, sorted; none where nothing matches. As in a shell, `*` does not match a leading dot. */
export function expandPattern(pattern: string): string[] {
  let found = [pattern.startsWith('/') ? '/' : '']
  for (const part of pattern.split('/').filter((each) => each !== '')) {
    found = found.flatMap((directory) => {
      if (!SPECIAL.test(part)) return [posix.join(directory, part)]
      return namesIn(directory)
        .filter((name) => posix.matchesGlob(name, part))
        .map((name) => posix.join(directory, name))
    })
  }
  return found.sort()
}

/** Whether it is a pattern. A path that exists is taken as it is, whatever is in it. */
export const isPattern = (text: string): boolean => SPECIAL.test(text)

function namesIn(directory: string): string[] {
  try {
    return readdirSync(nativePath(directory === '' ? '.' : directory), { encoding: 'buffer' }).map(decodeName)
  } catch {
    return []
  }
}

/** Returns whether an entry is left out, by its name or the path below its source. */
export function excluder(patterns: readonly string[]): (path: string) => boolean {
  if (patterns.length === 0) return () => false
  const byName = patterns.filter((pattern) => !pattern.includes('/'))
  const byPath = patterns
    .filter((pattern) => pattern.includes('/'))
    .map((pattern) => pattern.replace(/^\.?\/|\/$/g, ''))
  return (path) => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    return (
      byName.some((pattern) => name === pattern || matchesAny(name, pattern)) ||
      byPath.some((pattern) => path === pattern || posix.matchesGlob(path, pattern))
    )
  }
}

/** Unlike in a shell, `*` matches a leading dot, too: `--exclude '*.o'` means all of them. */
const matchesAny = (name: string, pattern: string): boolean =>
  posix.matchesGlob(name, pattern) ||
  (name.startsWith('.') && posix.matchesGlob(`x${name}`, pattern.replace(/^\*/, 'x*')))

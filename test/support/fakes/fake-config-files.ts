/** A fake disk with Codex's configuration: file texts by path. Parent directories exist implicitly. */
import type { ConfigFiles } from '../../../src/core/codex-config/config-files.ts'

/** Contents of the fake disk. */
export type FakeDisk = {
  texts?: Record<string, string>
  /** Symbolic links: target by path. */
  links?: Record<string, string>
  codexHome?: string
}

/** Configuration files on a fake disk. */
export function fakeConfigFiles({
  texts = {},
  links = {},
  codexHome = '/home/user/.codex',
}: FakeDisk = {}): ConfigFiles {
  const real = (path: string): string => {
    for (const [link, target] of Object.entries(links)) {
      if (path === link || path.startsWith(`${link}/`)) return real(target + path.slice(link.length))
    }
    return path
  }
  const kindOf = (path: string): 'file' | 'directory' | undefined => {
    const at = real(path)
    if (Object.hasOwn(texts, at)) return 'file'
    return Object.keys(texts).some((each) => each.startsWith(at === '/' ? at : `${at}/`)) ? 'directory' : undefined
  }
  return {
    systemDirectory: '/etc/codex',
    homes: async () => ({ user: '/home/user', codex: codexHome }),
    hostname: () => 'box',
    read: async (path) => {
      if (kindOf(path) === 'directory') throw new Error(`${path}: not a file`)
      return texts[real(path)]
    },
    kindOf: async (path) => kindOf(path),
    canonicalize: async (path) => (kindOf(path) === undefined ? undefined : real(path)),
  }
}

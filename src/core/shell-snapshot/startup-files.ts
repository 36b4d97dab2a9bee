/** The files that login shells read, to notice that a snapshot is out of date. */
import { parsePath } from '../../protocol/schemas/path-uri.ts'
import type { Files } from '../base/host.ts'

/** Of the whole machine, by the names of shells. Debian has its own places. */
const SYSTEM: Record<string, readonly string[]> = {
  bash: ['/etc/profile', '/etc/profile.d', '/etc/bash.bashrc', '/etc/bashrc'],
  sh: ['/etc/profile', '/etc/profile.d'],
  zsh: ['zshenv', 'zprofile', 'zshrc', 'zlogin'].flatMap((name) => [`/etc/${name}`, `/etc/zsh/${name}`]),
}

/** Of the user, below the home directory, or below ZDOTDIR. */
const OWN: Record<string, readonly string[]> = {
  bash: ['.bash_profile', '.bash_login', '.profile', '.bashrc'],
  sh: ['.profile'],
  zsh: ['.zshenv', '.zprofile', '.zshrc', '.zlogin'],
}

/** The files that a shell may read at its start, as far as they are known by name. */
export function startupFiles(shell: string, env: ReadonlyMap<string, string>): string[] {
  const home = (shell === 'zsh' ? env.get('ZDOTDIR') : undefined) || env.get('HOME')
  const own = home?.startsWith('/') ? (OWN[shell] ?? []).map((name) => `${home}/${name}`) : []
  const named = [env.get('BASH_ENV'), env.get('ENV')].filter((path) => path?.startsWith('/') === true)
  return [...(SYSTEM[shell] ?? []), ...own, ...named] as string[]
}

/** Changes when one of the files is changed, made or removed. What cannot be looked at counts as missing. */
export async function fingerprint(paths: readonly string[], files: Pick<Files, 'getMetadata'>): Promise<string> {
  const states = paths.map(async (path) => {
    try {
      const { size, modifiedAtMs } = await files.getMetadata(parsePath(path), { followSymlinks: true })
      return `${size}@${modifiedAtMs}`
    } catch {
      return ''
    }
  })
  return (await Promise.all(states)).join()
}

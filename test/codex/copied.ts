/** Copies of installed releases, for users and places that cannot reach the originals. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'

/** Of hard links, where both are on one disk. The folder of the copy must be there. */
export function copyTree(path: string, copy: string): string {
  try {
    execFileSync('cp', ['-al', path, copy], { stdio: 'ignore' })
  } catch {
    rmSync(copy, { recursive: true, force: true })
    execFileSync('cp', ['-a', path, copy])
  }
  return copy
}

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

let folder: string | undefined

/** A folder of this run; not in the temporary folder, where the reference cannot have its home. */
export function temporaryFolder(): string {
  if (folder === undefined) {
    const cache = join(homedir(), '.cache')
    mkdirSync(cache, { recursive: true })
    folder = mkdtempSync(join(cache, 'exec-server-bench-'))
  }
  return folder
}

export function removeTemporaryFolder(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  folder = undefined
}

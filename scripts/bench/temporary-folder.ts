import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let folder: string | undefined

/** A folder of this run. */
export function temporaryFolder(): string {
  folder ??= mkdtempSync(join(tmpdir(), 'exec-server-bench-'))
  return folder
}

export function removeTemporaryFolder(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  folder = undefined
}

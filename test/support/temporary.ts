/** Temporary folders that are removed at the end of the running test. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEnd } from './scope.ts'

/** Creates a temporary folder and returns its real path. */
export function temporaryFolder(prefix = 'exec-server-test-'): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), prefix)))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

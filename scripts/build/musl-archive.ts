/** The archive for systems with musl: the executable and the GNU C library that it uses. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { MUSL_LIBRARIES, MUSL_PREFIX } from './bundled-glibc.ts'

/** Writes a .tar.gz of `exec-server/`, to be unpacked in /opt. */
export function writeMuslArchive(executable: string, libraries: string, output: string): void {
  const work = mkdtempSync(join(tmpdir(), 'exec-server-archive-'))
  try {
    const folder = join(work, basename(MUSL_PREFIX))
    mkdirSync(folder)
    copyFileSync(executable, join(folder, 'exec-server'))
    cpSync(libraries, join(folder, basename(MUSL_LIBRARIES)), { recursive: true })
    mkdirSync(dirname(output), { recursive: true })
    rmSync(output, { force: true })
    execFileSync('tar', ['--owner=0', '--group=0', '-czf', output, '-C', work, basename(folder)])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

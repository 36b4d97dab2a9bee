/** Archives of the executable, with its licences and, for musl, the GNU C library that it uses. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { MUSL_LIBRARIES, MUSL_PREFIX } from './bundled-glibc.ts'
import { buildExecutable } from './executable.ts'
import type { Contents } from './executable.ts'
import { glibcOf } from './glibc.ts'
import type { Target } from './targets.ts'

/**
 * Builds for a target and writes one archive for each path, compressed as its name says. They hold one folder,
 * `exec-server`; for musl it must be unpacked in /opt. Returns what is inside.
 */
export async function buildArchives(target: Target, outputs: readonly string[], root: string): Promise<Contents> {
  const work = mkdtempSync(join(tmpdir(), 'exec-server-archive-'))
  try {
    // The last part of the prefix: all archives have the same layout.
    const folder = join(work, basename(MUSL_PREFIX))
    mkdirSync(folder)
    const contents = await buildExecutable(target, join(folder, 'exec-server'), root)
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    writeFileSync(join(folder, 'NOTICES'), contents.notices)
    if (target.isMusl) cpSync(glibcOf(target.arch, root), join(folder, basename(MUSL_LIBRARIES)), { recursive: true })
    // The modes of the archive must not depend on the builder's umask.
    chmodSync(folder, 0o755)
    for (const output of outputs) {
      mkdirSync(dirname(output), { recursive: true })
      rmSync(output, { force: true })
      const owner = ['--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', '--sort=name']
      execFileSync('tar', [...owner, '--auto-compress', '-cf', output, '-C', work, basename(folder)], {
        // One thread for each core: the result is the same for any number of them but one.
        env: { ...process.env, XZ_OPT: '-T0' },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    }
    return contents
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/**
 * Builds dist/exec-server, the executable for this machine. `--target NAME` builds dist/exec-server-NAME for another
 * platform; for musl, an archive. `--output FILE` puts the result elsewhere.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildExecutable } from './build/executable.ts'
import { glibcOf } from './build/glibc.ts'
import { writeMuslArchive } from './build/musl-archive.ts'
import { findTarget } from './build/targets.ts'

const root = dirname(import.meta.dirname)
const { values: options } = parseArgs({ options: { output: { type: 'string' }, target: { type: 'string' } } })
const target = findTarget(options.target)
const name = `exec-server${options.target === undefined ? '' : `-${target.name}`}${target.isMusl ? '.tar.gz' : ''}`
const output = resolve(options.output ?? join(root, 'dist', name))

if (target.isMusl) await buildMuslArchive()
else await buildExecutable(target, output, root)
console.log(`${output} (${(statSync(output).size / 1e6).toFixed(1)} MB)`)

async function buildMuslArchive(): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'exec-server-musl-'))
  try {
    const executable = join(work, 'exec-server')
    await buildExecutable(target, executable, root)
    writeMuslArchive(executable, glibcOf(target.arch, root), output)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

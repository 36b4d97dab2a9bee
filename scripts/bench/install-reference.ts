/** Installs a version of the reference once, into the user's cache, and tells where its program is. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

const VERSION = /^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/

export function installReference(version: string): string {
  if (!VERSION.test(version)) throw new Error(`not a version: ${version}`)
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'exec-server-codex', version)
  if (!existsSync(folder)) install(version, folder)
  return findProgram(folder)
}

/** Beside its place first, so that an install that was cut short is never taken for a whole one. */
function install(version: string, folder: string): void {
  const partial = `${folder}.partial-${process.pid}`
  mkdirSync(partial, { recursive: true })
  try {
    writeFileSync(join(partial, 'package.json'), '{"private":true}')
    const spec = `codex@npm:@openai/codex@${version}-${process.platform}-${process.arch}`
    process.stderr.write(`installing ${spec}\n`)
    execFileSync('npm', ['install', '--force', '--no-audit', '--no-fund', '--no-package-lock', spec], {
      cwd: partial,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

/** Its place in the package moves between versions. */
function findProgram(folder: string): string {
  const vendor = join(folder, 'node_modules', 'codex', 'vendor')
  const found = readdirSync(vendor, { recursive: true, withFileTypes: true }).find(
    (entry) => entry.isFile() && entry.name === 'codex',
  )
  if (found === undefined) throw new Error(`no program named codex in ${vendor}`)
  return join(found.parentPath, found.name)
}

/** Released Codex binaries, installed from npm once each into the user's cache. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import process from 'node:process'

const xdgCache = process.env['XDG_CACHE_HOME'] ?? ''

export const cacheFolder = join(isAbsolute(xdgCache) ? xdgCache : join(homedir(), '.cache'), 'exec-server-codex')

/** Where a release is, once it is installed. */
export const installedFolder = (version: string): string => join(cacheFolder, version)

/** The path of the release's `codex`; installs it first if it is not here yet. */
export function installedCodex(version: string): string {
  const folder = installedFolder(version)
  if (!existsSync(folder)) install(version, folder)
  return findExecutable(join(folder, 'node_modules', 'codex', 'vendor'))
}

function install(version: string, folder: string): void {
  console.log(`installing Codex ${version} into ${folder}`)
  // Under another name until it is whole, so that an install cut short is not taken for one that is done.
  const partial = `${folder}.partial-${process.pid}`
  try {
    mkdirSync(partial, { recursive: true })
    writeFileSync(join(partial, 'package.json'), '{"private":true}\n')
    // The package of that name is a launcher; its platform versions have the binary. Forced, as they name one platform.
    const spec = `codex@npm:@openai/codex@${version}-linux-${process.arch}`
    const options = ['--force', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']
    execFileSync('npm', ['install', ...options, spec], { cwd: partial, stdio: ['ignore', 'ignore', 'inherit'] })
    renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

/** Releases differ in where below `vendor` they keep it. */
function findExecutable(vendor: string): string {
  const found = readdirSync(vendor, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('/codex'))
    .map((name) => join(vendor, name))
    .find((path) => statSync(path).isFile() && (statSync(path).mode & 0o111) !== 0)
  if (found === undefined) throw new Error(`no executable codex below ${vendor}`)
  return found
}

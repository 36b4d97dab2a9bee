/** Files of Debian's packages, for any architecture, without installing them. apt-get checks their signatures. */
import { execFileSync } from 'node:child_process'
import type { ExecFileSyncOptions } from 'node:child_process'
import { existsSync, globSync, lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const QUIET: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'] }

/**
 * Downloads the packages and unpacks them into `folder`, together with the notices that they share with others.
 * `arch`: Debian's name of the architecture.
 * @throws Error if this machine has no apt-get, or it fails
 */
export function unpackPackages(packages: readonly string[], arch: string, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const work = mkdtempSync(`${folder}.packages-`)
  try {
    const apt = aptFor(arch, work)
    apt('update')
    for (let wanted = [...packages]; wanted.length > 0; wanted = missingNotices(folder)) {
      apt('download', ...wanted)
      for (const file of globSync('*.deb', { cwd: work })) {
        execFileSync('dpkg-deb', ['-x', join(work, file), folder], QUIET)
        rmSync(join(work, file))
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Runs apt-get with lists and a state of its own: this machine may know only its own architecture's packages. */
function aptFor(arch: string, folder: string): (...command: string[]) => void {
  for (const path of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, path), { recursive: true })
  const status = join(folder, 'state', 'status')
  writeFileSync(status, '')
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': arch,
    'APT::Architectures': arch,
    'Acquire::Languages': 'none',
    ...(process.getuid?.() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
  }
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  return (...command) =>
    void execFileSync('apt-get', ['-qq', ...options, ...command], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
}

/** The packages that hold the notices of others: their folders are links that lead nowhere yet. */
function missingNotices(unpacked: string): string[] {
  const folders = globSync('usr/share/doc/*', { cwd: unpacked }).map((path) => join(unpacked, path))
  const links = folders.filter((path) => lstatSync(path).isSymbolicLink() && !existsSync(path))
  return [...new Set(links.map((path) => basename(readlinkSync(path))))]
}

/**
 * The GNU C library of one architecture: it goes beside the executable where the system has musl, and runs the other
 * architecture's Node under an emulator. It comes from Debian's packages, which apt-get checks.
 */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { cacheFolder } from './runtime.ts'
import type { Arch } from './targets.ts'

const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6']
const DEBIAN = {
  x64: { arch: 'amd64', triple: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { arch: 'arm64', triple: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
} as const

/** What Node and node-pty's addon need. */
const LIBRARIES = [
  'libc.so.6',
  'libm.so.6',
  'libdl.so.2',
  'libpthread.so.0',
  'librt.so.1',
  'libutil.so.1',
  'libresolv.so.2',
  'libstdc++.so.6',
  'libgcc_s.so.1',
]
/** Name resolution; since 2.34 these are parts of libc itself. */
const RESOLVERS = ['libnss_files.so.2', 'libnss_dns.so.2']

/** The loader's name in the folder of `glibcOf`. */
export const LOADER = 'ld.so'

/**
 * A folder with the libraries, the loader as `ld.so`, and the packages' copyright notices. Downloads them the first
 * time.
 * @throws Error if this machine has no apt-get, or it fails
 */
export function glibcOf(arch: Arch, root: string): string {
  const folder = join(cacheFolder(root), `glibc-${arch}`)
  if (existsSync(folder)) return folder
  mkdirSync(cacheFolder(root), { recursive: true })
  const partial = mkdtempSync(`${folder}.partial-`)
  try {
    console.log(`downloading the GNU C library for ${arch}`)
    const [unpacked, flat] = [join(partial, 'unpacked'), join(partial, 'flat')]
    const apt = aptFor(arch, partial)
    apt('update')
    for (const missing = [...PACKAGES]; missing.length > 0; ) {
      apt('download', ...missing)
      for (const file of globSync('*.deb', { cwd: partial })) {
        execFileSync('dpkg-deb', ['-x', join(partial, file), unpacked], { stdio: ['ignore', 'ignore', 'inherit'] })
      }
      missing.splice(0, missing.length, ...missingNotices(unpacked))
    }
    mkdirSync(flat)
    collect(arch, unpacked, flat)
    renameSync(flat, folder)
  } catch (error) {
    // Another build may have downloaded the same at the same time.
    if (!existsSync(folder)) throw new Error(`the GNU C library for ${arch} cannot be had`, { cause: error })
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return folder
}

/** Runs apt-get with lists and a state of its own: this machine may know only its own architecture's packages. */
function aptFor(arch: Arch, folder: string): (...command: string[]) => void {
  for (const path of ['state/lists/partial', 'cache/archives/partial'])
    mkdirSync(join(folder, path), { recursive: true })
  const status = join(folder, 'state', 'status')
  writeFileSync(status, '')
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': status,
    'Dir::Cache': join(folder, 'cache'),
    'APT::Architecture': DEBIAN[arch].arch,
    'APT::Architectures': DEBIAN[arch].arch,
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

function collect(arch: Arch, from: string, to: string): void {
  const { triple, loader } = DEBIAN[arch]
  const find = (name: string): string | undefined =>
    ['lib', 'usr/lib'].map((folder) => join(from, folder, triple, name)).find((path) => existsSync(path))
  for (const name of [...LIBRARIES, ...RESOLVERS, loader]) {
    const path = find(name)
    if (path !== undefined) copyFileSync(realpathSync(path), join(to, name === loader ? LOADER : name))
    else if (!RESOLVERS.includes(name)) throw new Error(`Debian's packages have no ${name}`)
  }
  for (const path of globSync('usr/share/doc/*/copyright', { cwd: from })) {
    copyFileSync(join(from, path), join(to, `COPYRIGHT.${basename(join(path, '..'))}`))
  }
}

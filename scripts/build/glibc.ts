/**
 * The GNU C library of one architecture: it goes beside the executable where the system has musl, and runs the other
 * architecture's Node under an emulator. It comes from Debian's packages, which apt-get checks.
 */
import { copyFileSync, existsSync, globSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { unpackPackages } from './debian-packages.ts'
import { cacheFolder } from './npm-package.ts'
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
    unpackPackages(PACKAGES, DEBIAN[arch].arch, unpacked)
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

/**
 * The npm packages: `exec-server` with the client library and a `bin` that starts the executable, and one for each
 * platform with the executable, of which npm installs the one that fits.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TARGETS } from '../build/targets.ts'
import type { Target } from '../build/targets.ts'
import { npmEnvironment } from './npm-environment.ts'

type PackageJson = Record<string, unknown> & { version: string; bin: unknown }

/** With musl the executable needs a C library at a fixed place, where npm cannot put it. */
export const isPackaged = ({ isMusl }: Target): boolean => !isMusl

export const packageName = ({ name }: Target): string => `exec-server-${name}`

const read = (root: string): PackageJson => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageJson

/** What both kinds of packages say of themselves. */
const common = ({ version, description, license }: PackageJson): object => ({ version, description, license })

/** package.json of the package for one platform. */
export function platformManifest(target: Target, own: PackageJson): object {
  const { platform, arch } = target
  return {
    name: packageName(target),
    ...common(own),
    description: `The executable of exec-server for ${target.name}`,
    os: [platform],
    cpu: [arch],
    ...(platform === 'linux' ? { libc: ['glibc'] } : {}),
    // Package managers that keep packages in archives must unpack this one.
    preferUnplugged: true,
  }
}

/** package.json of `exec-server`: that of the checkout, without what is bundled or only for development. */
export function mainManifest(own: PackageJson): object {
  const { type, exports, engines, peerDependencies, peerDependenciesMeta } = own
  return {
    name: 'exec-server',
    ...common(own),
    type,
    bin: { 'exec-server': 'bin/exec-server.cjs' },
    exports,
    engines,
    optionalDependencies: Object.fromEntries(
      TARGETS.filter(isPackaged).map((target) => [packageName(target), own.version]),
    ),
    peerDependencies,
    peerDependenciesMeta,
  }
}

/** Writes the package for a platform to `output`. Returns the name of the file. */
export function packPlatform(
  target: Target,
  executable: string,
  notices: string,
  root: string,
  output: string,
): string {
  return pack(platformManifest(target, read(root)), root, output, (folder) => {
    mkdirSync(join(folder, 'bin'))
    copyFileSync(executable, join(folder, 'bin', 'exec-server'))
    chmodSync(join(folder, 'bin', 'exec-server'), 0o755)
    writeFileSync(join(folder, 'NOTICES'), notices)
    writeFileSync(
      join(folder, 'README.md'),
      `The executable of [exec-server](https://www.npmjs.com/package/exec-server) for ${target.name}.\n`,
    )
  })
}

/** Writes the package `exec-server` to `output`. `client`: the folder of the built library. Returns the file's name. */
export function packMain(client: string, root: string, output: string): string {
  return pack(mainManifest(read(root)), root, output, (folder) => {
    mkdirSync(join(folder, 'bin'))
    copyFileSync(join(import.meta.dirname, 'npm', 'exec-server.cjs'), join(folder, 'bin', 'exec-server.cjs'))
    copyFileSync(join(import.meta.dirname, 'npm', 'README.md'), join(folder, 'README.md'))
    copyFileSync(join(root, 'CHANGELOG.md'), join(folder, 'CHANGELOG.md'))
    cpSync(client, join(folder, 'dist', 'client'), { recursive: true })
  })
}

function pack(manifest: object, root: string, output: string, fill: (folder: string) => void): string {
  const folder = mkdtempSync(join(tmpdir(), 'exec-server-package-'))
  try {
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'))
    fill(folder)
    const args = ['pack', folder, '--silent', '--ignore-scripts', '--pack-destination', output]
    return execFileSync('npm', args, { env: npmEnvironment(), encoding: 'utf8' }).trim()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

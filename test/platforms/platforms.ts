/** The platforms that are tried, each with the executable for it. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { debianRoot, hasProgram, muslRoot } from './roots.ts'

export type Platform = {
  name: string
  target: string
  /** arm64 on a machine that is not: under qemu-user, where bubblewrap does not work. */
  isEmulated: boolean
  /** Programs that this machine must have. */
  needs: readonly string[]
  root(): string
  /** Puts what was built into a layer above the root. Returns the path of the executable there. */
  install(built: string, layer: string): string
  /** The script that makes bubblewrap available. Undefined: sandboxes are not tried. */
  bubblewrap?: string
}

const EMULATOR = 'qemu-aarch64-static'

function installExecutable(built: string, layer: string): string {
  const folder = join(layer, 'usr', 'local', 'bin')
  mkdirSync(folder, { recursive: true })
  copyFileSync(built, join(folder, 'exec-server'))
  return '/usr/local/bin/exec-server'
}

function unpackArchive(built: string, layer: string): string {
  mkdirSync(join(layer, 'opt'))
  execFileSync('tar', ['-xzf', built, '-C', join(layer, 'opt')])
  return '/opt/exec-server/exec-server'
}

const debian = (release: string): Platform => ({
  name: release,
  target: 'linux-x64',
  isEmulated: false,
  needs: ['debootstrap', 'bwrap'],
  root: () => debianRoot(release, 'amd64', false),
  install: installExecutable,
  bubblewrap: 'apt-get update -qq && apt-get install -y -qq --no-install-recommends bubblewrap',
})

export const PLATFORMS: readonly Platform[] = [
  debian('trixie'),
  debian('bullseye'),
  {
    name: 'musl',
    target: 'linux-x64-musl',
    isEmulated: false,
    needs: ['apt-get', 'bwrap'],
    root: () => muslRoot('amd64'),
    install: unpackArchive,
    bubblewrap: 'ln -s /opt/bubblewrap/bwrap.sh /usr/bin/bwrap',
  },
  {
    name: 'arm64',
    target: 'linux-arm64',
    isEmulated: true,
    needs: ['debootstrap', EMULATOR],
    root: () => debianRoot('bookworm', 'arm64', true),
    install: installExecutable,
  },
  {
    name: 'musl-arm64',
    target: 'linux-arm64-musl',
    isEmulated: true,
    needs: ['apt-get', EMULATOR],
    root: () => muslRoot('arm64', [EMULATOR]),
    install: unpackArchive,
  },
]

/** Why a platform cannot be tried here. */
export function obstacle({ needs }: Platform): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the roots are made on Linux x64'
  if (process.getuid?.() !== 0) return 'only root can make a root file system'
  const missing = needs.filter((name) => !hasProgram(name))
  return missing.length === 0 ? undefined : `${missing.join(' and ')} missing`
}

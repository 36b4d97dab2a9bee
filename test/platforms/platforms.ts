/** The platforms that are tried, each with the executable for it. */
import process from 'node:process'
import { debianRoot, hasProgram, muslRoot } from './roots.ts'

export type Platform = {
  name: string
  target: string
  /** arm64 on a machine that is not: under qemu-user, where bubblewrap does not work. */
  isEmulated: boolean
  /** Programs that this machine must have. */
  needs: readonly string[]
  root(): string
  /** The script that makes bubblewrap available. Undefined: sandboxes are not tried. */
  bubblewrap?: string
}

const EMULATOR = 'qemu-aarch64-static'

const debian = (release: string): Platform => ({
  name: release,
  target: 'linux-x64',
  isEmulated: false,
  needs: ['debootstrap', 'bwrap'],
  root: () => debianRoot(release, 'amd64', false),
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
    bubblewrap: 'ln -s /opt/bubblewrap/bwrap.sh /usr/bin/bwrap',
  },
  {
    name: 'arm64',
    target: 'linux-arm64',
    isEmulated: true,
    needs: ['debootstrap', EMULATOR],
    root: () => debianRoot('bookworm', 'arm64', true),
  },
  {
    name: 'musl-arm64',
    target: 'linux-arm64-musl',
    isEmulated: true,
    needs: ['apt-get', EMULATOR],
    root: () => muslRoot('arm64', [EMULATOR]),
  },
]

/** Why a platform cannot be tried here. */
export function obstacle({ needs }: Platform): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the roots are made on Linux x64'
  if (process.getuid?.() !== 0) return 'only root can make a root file system'
  const missing = needs.filter((name) => !hasProgram(name))
  return missing.length === 0 ? undefined : `${missing.join(' and ')} missing`
}

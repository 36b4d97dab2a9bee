/**
 * Directories in which `.GIT` is `.git`: NTFS and FAT, Windows's disks under WSL, shares. There a mount on one name need not
 * cover the others. Found out without writing.
 */
import { lstatSync, opendirSync, statfsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { invalidParams } from '../../protocol/wire/errors.ts'
import type { MountPlan } from '../../sandbox/linux/mounts.ts'
import { errorCode } from '../../base/os-error-text.ts'
import { nativePath } from '../fs/native-path.ts'

/** What is asked of the file system. */
export type Probe = {
  /** The names in a directory, some of them if there are many; none if it cannot be listed. Undefined for a file. */
  names(directory: string): string[] | undefined
  /** Device and inode; undefined for what is missing or cannot be looked at. */
  identity(path: string): { device: bigint; inode: bigint } | undefined
  /** The type of its file system, see statfs(2). */
  type(directory: string): number
}

/** msdos and vfat, exfat, ntfs, ntfs3, hfs+, 9p (WSL), cifs, smb2, smb, vboxsf, vmhgfs: most of them fold case. */
const FOLDING_TYPES: ReadonlySet<number> = new Set([
  0x4d44, 0x2011bab0, 0x5346544e, 0x7366746e, 0x482b, 0x01021997, 0xff534d42, 0xfe534d42, 0x517b, 0x786f4256,
  0xbacbacbc,
])

/** One name with a letter is enough to know. */
const MAX_NAMES = 64

const disk: Probe = {
  names: (directory) => {
    const names: string[] = []
    try {
      const folder = opendirSync(nativePath(directory))
      try {
        for (let entry = folder.readSync(); entry !== null && names.length < MAX_NAMES; entry = folder.readSync())
          names.push(entry.name)
      } finally {
        folder.closeSync()
      }
    } catch (error) {
      if (errorCode(error) === 'ENOTDIR') return undefined
    }
    return names
  },
  identity: (path) => {
    try {
      const { dev, ino } = lstatSync(nativePath(path), { bigint: true })
      return { device: dev, inode: ino }
    } catch {
      return undefined
    }
  },
  type: (directory) => {
    try {
      return statfsSync(nativePath(directory)).type
    } catch {
      return 0
    }
  },
}

/** Whether names in a directory are taken without regard to case. */
export function foldsCase(directory: string, probe = disk): boolean {
  const names = probe.names(directory)
  if (names === undefined) return false
  for (const name of names) {
    const answer = isAlias(directory, name, names, probe)
    if (answer !== undefined) return answer
  }
  if (!FOLDING_TYPES.has(probe.type(directory))) return false
  // Nothing in it tells, but its own name may, unless it is in another file system.
  const parent = dirname(directory)
  if (parent === directory || probe.identity(parent)?.device !== probe.identity(directory)?.device) return true
  return isAlias(parent, basename(directory), [], probe) ?? true
}

/** Whether the name in the other case leads to the same file. Undefined if that tells nothing. */
function isAlias(directory: string, name: string, others: readonly string[], probe: Probe): boolean | undefined {
  const other = name.replace(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )
  // A hard link of that name would have the same inode.
  if (other === name || others.includes(other)) return undefined
  const one = probe.identity(join(directory, name))
  if (one === undefined) return undefined
  const two = probe.identity(join(directory, other))
  return two !== undefined && one.device === two.device && one.inode === two.inode
}

/**
 * Refuses a plan with a writable directory in which protected names have aliases.
 * @throws RpcError (invalid params)
 */
export function refuseCaseFolding({ mounts }: MountPlan, probe = disk): void {
  for (const mount of mounts) {
    if (mount.kind === 'bind' && mount.writable && foldsCase(mount.path, probe))
      throw invalidParams(
        `cannot protect .git and the like in ${mount.path}: its file system takes names without regard to case`,
      )
  }
}

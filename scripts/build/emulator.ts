/** Runs the Node of another architecture on this machine, if there is an emulator. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { glibcOf, LOADER } from './glibc.ts'
import type { Target } from './targets.ts'

const QEMU = { x64: 'qemu-x86_64', arm64: 'qemu-aarch64' } as const

/** The command that runs `node` of this target under qemu. Undefined: it cannot be run here. */
export function emulatedNode({ platform, arch }: Target, node: string, root: string): string[] | undefined {
  if (platform !== 'linux' || process.platform !== 'linux') return undefined
  const name = QEMU[arch]
  const qemu = [name, `${name}-static`].find((program) => spawnSync(program, ['-version']).status === 0)
  if (qemu === undefined) return undefined
  try {
    const libraries = glibcOf(arch, root)
    return [qemu, join(libraries, LOADER), '--library-path', libraries, node]
  } catch (error) {
    console.log(String((error as Error).message))
    return undefined
  }
}

/** Removes the symbols of a runtime, which are a fifth of it. */
import { execFileSync } from 'node:child_process'
import type { Target } from './targets.ts'

/** The commands that can strip a file for this target, in the order to try them. */
function stripCommands({ platform, arch }: Target): string[][] {
  if (platform === 'darwin') {
    // Apple's own only where it is: the other systems' strip cannot read Mach-O.
    return [['llvm-strip', '-x'], ...(process.platform === 'darwin' ? [['strip', '-x']] : [])]
  }
  // GNU strip knows only the formats that it was built for.
  const gnu = process.platform === 'linux' && arch === process.arch ? 'strip' : `${GNU_NAMES[arch]}-linux-gnu-strip`
  return [
    [gnu, '--strip-unneeded'],
    ['llvm-objcopy', '--strip-unneeded'],
  ]
}

const GNU_NAMES = { x64: 'x86_64', arm64: 'aarch64' } as const

/** Strips the file in place. Returns false if no tool here can: the file is then as it was. */
export function stripSymbols(file: string, target: Target): boolean {
  for (const [command, ...args] of stripCommands(target)) {
    try {
      // All of them replace the file only when they have succeeded.
      execFileSync(command as string, [...args, file], { stdio: 'ignore' })
      return true
    } catch {
      // Missing, or built without this format.
    }
  }
  return false
}

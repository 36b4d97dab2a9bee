/** The programs that this server brings along for commands: ripgrep. */
import type { SpawnSpec } from '../../core/base/host.ts'
import process from 'node:process'
import { homeDirectory } from '../own-user.ts'
import { privateFolder, privateParents } from './private-folder.ts'
import { embeddedRipgrep, packagedRipgrepFolder } from './ripgrep.ts'
import { folderName, UnpackedProgram } from './unpacked-program.ts'

/** A folder that clients may put on the PATH of a command. */
export type BundledTools = {
  folder: string
  /** Whether the command refers to the folder. Only then is it needed. */
  isWantedBy(command: Pick<SpawnSpec, 'argv' | 'env'>): boolean
  /**
   * Puts the programs into the folder, unless they are there.
   * @throws Error if that cannot be done
   */
  provide(): Promise<void>
  /** The folder is this program's own, so that no sandboxed command may change it. */
  isOwn: boolean
}

let found: { tools: BundledTools | undefined } | undefined

/** The tools of this program. Undefined where it has none, or no place for them. */
export function bundledTools(): BundledTools | undefined {
  found ??= { tools: findTools() }
  return found.tools
}

function findTools(): BundledTools | undefined {
  const program = embeddedRipgrep()
  if (program === undefined) {
    const folder = packagedRipgrepFolder()
    return folder === undefined ? undefined : toolsIn(folder, folder)
  }
  const name = folderName(program)
  const folder = privateFolder(name, privateParents(process.env, homeDirectory()))
  return folder === undefined ? undefined : toolsIn(folder, name, new UnpackedProgram(program, folder))
}

/** `mark`: how a command refers to the folder, whatever quotes there are in front of it. */
export const toolsIn = (folder: string, mark: string, program?: UnpackedProgram): BundledTools => ({
  folder,
  isWantedBy: ({ argv, env }) => env.get('PATH')?.includes(mark) === true || argv.some((text) => text.includes(mark)),
  provide: async () => program?.provide(),
  isOwn: program !== undefined,
})

/** Finds Codex on this machine. */
import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { reasonOf } from '../../../base/os-error-text.ts'
import { CommandError } from '../base/command-error.ts'
import { VERSION_MS } from '../base/limits.ts'
import { canUseDevbox, FIRST_RELEASE, releaseOf } from './release.ts'
import type { CodexRelease } from './release.ts'

export type CodexProgram = { path: string; release: CodexRelease }

const INSTALL = 'install it (npm install -g @openai/codex), or name it with --codex PATH'

/** As shells do for a command that is not there, and for one that cannot be run. */
const NOT_FOUND = 127
const NOT_RUN = 126

/**
 * Finds Codex and asks it for its version. `given`: the value of --codex, a path or a name on PATH.
 * @throws {CommandError} with exit code 127 if there is none, 126 if it cannot be used
 */
export async function findCodex(given = 'codex'): Promise<CodexProgram> {
  const path = findOnPath(given)
  if (path === undefined)
    throw new CommandError(given.includes('/') ? `${given} is no program` : `there is no ${given} on PATH`, NOT_FOUND, [
      INSTALL,
    ])
  const release = releaseOf(await printedVersion(path))
  if (release === undefined)
    throw new CommandError(`${path} is not Codex: --version prints no version`, NOT_RUN, [INSTALL])
  if (!canUseDevbox(release))
    throw new CommandError(`Codex ${release.version} cannot use a devbox`, NOT_RUN, [
      `${FIRST_RELEASE} is the first that can: npm install -g @openai/codex`,
    ])
  return { path, release }
}

function findOnPath(name: string): string | undefined {
  if (name.includes('/')) return isProgram(resolve(name)) ? resolve(name) : undefined
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder.startsWith('/'))
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

async function printedVersion(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: VERSION_MS, killSignal: 'SIGKILL' })
    return stdout
  } catch (error) {
    throw new CommandError(`${path} --version failed: ${reasonOf(error)}`, NOT_RUN, [INSTALL])
  }
}

/** `exec-server cp`: copies files to, from and on a devbox. */
import { basename, posix } from 'node:path'
import { DisconnectedError, messageOf } from '../../../client/base/errors.ts'
import type { ExecClient } from '../../../client/base/types.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'
import { copyTree, findSource } from './copy-tree.ts'
import { devboxFiles } from './devbox-files.ts'
import type { FileSystemAdapter } from './file-system-adapter.ts'
import { interruptible } from './interruptible.ts'
import { localFiles } from './local-files.ts'
import { checkTarget, parseOptions, TARGET_HELP, targetOptions, usageError } from '../options.ts'
import { createProgress } from './progress.ts'
import type { Progress } from './progress.ts'
import { printStderr } from '../io/stderr.ts'
import { openDevbox } from '../target.ts'
import { writeOut } from '../io/write-out.ts'

const HELP = `Copies files between this machine and a devbox, or on the devbox.

Usage: exec-server cp [options] SOURCE… DESTINATION

A path on the devbox is absolute and has a colon before it: :/etc/hosts. As with cp, what is copied to a directory that is
there gets its own name in it. A local file whose name begins with a colon is ./:NAME.

${TARGET_HELP}  -r, -R, --recursive       directories, too

What is in a file is replaced; one that breaks off is removed. Links are followed. Of modes the permission to execute is
carried over, for which the devbox needs a shell; owners and times are not. Exit code 1 says that something was not copied.
`

const options = { ...targetOptions, recursive: { type: 'boolean', short: 'r' } } as const

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: HELP, options, operands: 'files' }

export type CopyPath = { isRemote: boolean; path: string }

/**
 * Parses a path: `:/PATH` is on the devbox, anything else is local.
 * @throws {UsageError}
 */
export function parsePath(text: string): CopyPath {
  if (text === '') throw usageError('a path is empty')
  if (!text.startsWith(':')) return { isRemote: false, path: text }
  if (!text.startsWith(':/')) throw usageError(`a path on the devbox is absolute, as in :/PATH, not '${text}'`)
  return { isRemote: true, path: text.slice(1) }
}

/**
 * Runs the command. Resolves with the exit code: 1 if anything was not copied.
 * @throws {UsageError | CommandError}
 */
export async function cp(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(
    args.map((each) => (each === '-R' ? '-r' : each)),
    options,
  )
  if (values.help === true) return writeOut(HELP)
  checkTarget(values)
  const paths = positionals.map(parsePath)
  const destination = paths.pop()
  if (destination === undefined || paths.length === 0) throw usageError('cp takes a SOURCE and a DESTINATION')
  if (!destination.isRemote && paths.some(({ isRemote }) => !isRemote)) {
    throw usageError('neither path is on the devbox; there they begin with :/')
  }
  const devbox = await openDevbox(values)
  const progress = createProgress()
  try {
    const copying = { client: devbox.client, isRecursive: values.recursive === true, progress }
    return await interruptible((signal) => copyAll(paths, destination, { ...copying, signal }))
  } finally {
    progress.end()
    await devbox.close().catch(() => {})
  }
}

type Copying = { client: ExecClient; isRecursive: boolean; progress: Progress; signal: AbortSignal }

async function copyAll(
  sources: readonly CopyPath[],
  destination: CopyPath,
  { client, isRecursive, progress, signal }: Copying,
): Promise<number> {
  const remote = devboxFiles(client)
  const to = destination.isRemote ? remote : localFiles
  const isDirectory = (await to.find(destination.path).catch(refused))?.kind === 'directory'
  if (!isDirectory && (sources.length > 1 || (destination.path.endsWith('/') && !isRecursive))) {
    throw new CommandError(`${destination.path} is no directory`, 1)
  }
  let exitCode = 0
  const warn = (message: string): void => {
    progress.clear()
    printStderr(message)
  }
  const failed = (message: string): void => {
    exitCode = 1
    warn(message)
  }
  for (const { isRemote, path } of sources) {
    const target = isDirectory ? posix.join(destination.path, nameOf(path)) : destination.path
    try {
      if (isRemote && destination.isRemote) await copyOnDevbox(client, remote, path, target, isRecursive)
      else
        await copyTree(
          { from: isRemote ? remote : localFiles, to, isRecursive, progress, signal, failed, warn },
          path,
          target,
        )
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DisconnectedError) throw new CommandError(error.message, OWN_FAILURE)
      failed(error instanceof CommandError ? error.message : `${path}: ${messageOf(error)}`)
    }
  }
  return exitCode
}

function refused(error: unknown): never {
  throw error instanceof DisconnectedError ? error : new CommandError(messageOf(error), 1)
}

/** Copies on the devbox itself, without transferring the contents. */
async function copyOnDevbox(
  client: ExecClient,
  files: FileSystemAdapter,
  source: string,
  destination: string,
  isRecursive: boolean,
): Promise<void> {
  const found = await findSource(files, source, isRecursive)
  await client.fs.copy(source, destination, { recursive: found.kind === 'directory' })
}

/** The name to create in the destination. `.`, `..` and `/` have none: their contents are copied, as cp does. */
function nameOf(path: string): string {
  const name = basename(path)
  return name === '..' || name === '.' ? '' : name
}

/** `exec-server cp`: copies files to, from and on a devbox. */
import { DisconnectedError, RpcError } from '../../../client/base/errors.ts'
import { CopyError } from '../../../host/copy/messages.ts'
import type { CommandManual } from '../../manual/manual.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'
import { devboxPath } from '../devbox-path.ts'
import { fdWriter } from '../io/fd-writer.ts'
import { writeOut } from '../io/write-out.ts'
import { openDevbox } from '../target.ts'
import { watchConnection } from '../watch-connection.ts'
import { hasAgent } from './agent-link.ts'
import { copyThere, download, upload } from './copy-with-agent.ts'
import type { AgentCopy } from './copy-with-agent.ts'
import { CP_HELP, cpOptions, parseCp } from './cp-arguments.ts'
import type { CopyPath, CpArguments } from './cp-arguments.ts'
import { copyDisplay } from './display.ts'
import { interruptible } from '../io/interruptible.ts'
import { copyPlainly } from './plain/copy-plainly.ts'
import { createProgress } from './progress.ts'

/** What the man page and the completions tell of it. */
export const manual: CommandManual = { help: CP_HELP, options: cpOptions, operands: 'files' }

/** Queued bytes of -v, above which nothing is held back: names are short, and stdout is read. */
const OUTPUT_ROOM = Infinity

/**
 * Runs the command. Resolves with the exit code: 1 if anything was not copied.
 * @throws {UsageError | CommandError}
 */
export async function cp(args: readonly string[]): Promise<number> {
  const parsed = parseCp(args)
  if (parsed === undefined) return writeOut(CP_HELP)
  return interruptible(async (signal) => {
    const devbox = await openDevbox(parsed.target)
    const stopWatching = watchConnection(devbox.client)
    try {
      return await copy(parsed, devbox.client, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      stopWatching()
      await devbox.close().catch(() => {})
    }
  })
}

async function copy(
  { sources, destination, options }: CpArguments,
  client: AgentCopy['client'],
  signal: AbortSignal,
): Promise<number> {
  const progress = createProgress()
  const stdout = fdWriter(1, 'stdout', OUTPUT_ROOM)
  const isSourceRemote = sources[0]?.isRemote === true
  const sides = { isSourceRemote, isDestinationRemote: destination.isRemote }
  const print = options.verbose ? (line: string): void => void stdout.push(Buffer.from(`${line}\n`)) : undefined
  const display = copyDisplay(sides, progress, print)
  const place = ({ isRemote, path }: CopyPath): string => (isRemote ? devboxPath(client, path) : path)
  const work: AgentCopy = {
    client,
    sources: sources.map(place),
    destination: place(destination),
    options: { ...options, counts: progress.isShown },
    display,
    signal,
  }
  try {
    if (!hasAgent(client)) await copyPlainly(work, sides)
    else if (!isSourceRemote) await upload(work)
    else if (!destination.isRemote) await download(work)
    else await copyThere(work)
  } catch (error) {
    signal.throwIfAborted()
    throw commandError(error)
  } finally {
    progress.end()
  }
  await stdout.flush()
  return display.hasFailed ? 1 : 0
}

function commandError(error: unknown): unknown {
  if (error instanceof DisconnectedError) return new CommandError(error.message, OWN_FAILURE)
  if (error instanceof CopyError || error instanceof RpcError) return new CommandError(error.message, 1)
  return error
}

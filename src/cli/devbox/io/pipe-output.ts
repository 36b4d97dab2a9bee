/** Copies the output of a remote process to our stdout and stderr until it closes. */
import { fstatSync } from 'node:fs'
import { OutputLostError } from '../../../client/base/errors.ts'
import type { ExecClient, ProcessEvent, RemoteProcess } from '../../../client/base/types.ts'
import { OUTPUT_ROOM, OUTPUT_ROOM_WITHOUT_WINDOW, QUIET_MS } from '../base/limits.ts'
import { fdWriter } from './fd-writer.ts'
import type { FdWriteError } from './fd-writer.ts'

export type PipeOutputOptions = {
  client: ExecClient
  process: RemoteProcess
  /** Copies what comes after this event. */
  afterSeq?: number | undefined
  /** Called when output was lost; without it, that is an OutputLostError. */
  onLost?: (() => void) | undefined
  /** Once aborted, do not wait for background children after the process exits, unless they keep writing. */
  leave?: AbortSignal | undefined
  /** Aborts the copy. */
  signal?: AbortSignal | undefined
}

/**
 * Resolves with the exit code when all output is written; -1 if the process closed without one.
 * @throws {FdWriteError} as soon as one of our outputs fails
 * @throws {OutputLostError | DisconnectedError} or the signal's reason
 */
export async function pipeOutput({
  client,
  process,
  afterSeq = 0,
  onLost,
  leave,
  signal,
}: PipeOutputOptions): Promise<number> {
  const failure = new AbortController()
  const failed = (error: FdWriteError): void => failure.abort(error)
  const room = client.extensions.has('outputWindow') ? OUTPUT_ROOM : OUTPUT_ROOM_WITHOUT_WINDOW
  const stdout = fdWriter(1, 'stdout', room, failed)
  // If both are the same file, one queue preserves the order.
  const stderr = areSame(1, 2) ? stdout : fdWriter(2, 'stderr', room, failed)
  let exitCode: number | undefined
  const quiet = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const watchQuiet = (): void => {
    if (exitCode !== undefined && leave?.aborted === true) timer = setTimeout(() => quiet.abort(), QUIET_MS)
  }
  leave?.addEventListener('abort', watchQuiet, { once: true })
  const take = async (event: ProcessEvent): Promise<void> => {
    if (event.type === 'output') {
      await (event.stream === 'stderr' ? stderr : stdout).push(event.bytes)
    } else if (event.type === 'exited') {
      exitCode = event.exitCode
    } else if (event.type === 'lag' && event.lost) {
      if (onLost === undefined) throw new OutputLostError(process.id, event.afterSeq, event.resumesAtSeq)
      onLost()
    }
  }
  const either = AbortSignal.any([failure.signal, quiet.signal, signal].filter((each) => each !== undefined))
  try {
    for await (const event of process.events({ afterSeq, signal: either })) {
      clearTimeout(timer)
      await take(event)
      watchQuiet()
    }
  } catch (error) {
    if (!quiet.signal.aborted || either.reason !== quiet.signal.reason) throw error
  } finally {
    clearTimeout(timer)
    leave?.removeEventListener('abort', watchQuiet)
  }
  await Promise.all([stdout.flush(), stderr.flush()])
  return exitCode ?? -1
}

/** Whether two descriptors refer to the same file, pipe or terminal. */
function areSame(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)]
  return a.dev === b.dev && a.ino === b.ino && a.rdev === b.rdev
}

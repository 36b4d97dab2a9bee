/** The process family's handlers. */
import { invalidParams, invalidRequest } from '../protocol/errors.ts'
import { Method } from '../protocol/methods.ts'
import { ReadParams, SignalParams, StartParams, TerminateParams, WriteParams } from '../protocol/process.ts'
import type { StartResult, WriteStatus } from '../protocol/process.ts'
import { opensProcess } from '../protocol/sandbox.ts'
import { childEnvironment } from './env-policy.ts'
import type { AsciiParts } from './frames.ts'
import type { Host, SpawnSpec } from './host.ts'
import { method } from './method.ts'
import type { Context } from './method.ts'
import type { Process } from './process.ts'

const FAMILY = 'exec'

async function start(params: StartParams, context: Context): Promise<StartResult> {
  if (params.argv.length === 0) throw invalidParams('argv must not be empty')
  refuseSandbox(params)
  const { processes } = context.session
  const { announce } = await processes.start(params.processId, () => spawnSpec(params, context.host), context.files.settled())
  context.afterAnswer(announce)
  return { processId: params.processId, sandboxType: 'none' }
}

/** Until commands can be confined here, whatever asks for that is refused. */
function refuseSandbox({ sandbox, enforceManagedNetwork, networkProxy }: StartParams): void {
  if (!opensProcess(sandbox)) throw invalidParams('this executor cannot enforce a process sandbox')
  if (enforceManagedNetwork) throw invalidParams('this executor cannot enforce a managed network')
  if (networkProxy !== null && networkProxy !== undefined) throw invalidParams('this executor has no network proxy')
}

function spawnSpec(params: StartParams, host: Host): SpawnSpec {
  return {
    argv: params.argv,
    cwd: params.cwd,
    env: childEnvironment(host.environment(), params.envPolicy, params.env),
    stdin: params.tty ? 'terminal' : params.pipeStdin ? 'pipe' : 'closed',
    ...(params.arg0 === null || params.arg0 === undefined ? {} : { arg0: params.arg0 }),
  }
}

async function read(params: ReadParams, context: Context): Promise<AsciiParts> {
  const { processes } = context.session
  const process = processes.findStarted(params.processId) ?? (await processes.find(params.processId)) ?? unknownProcess(params.processId)
  const afterSeq = params.afterSeq ?? 0
  const waitMs = params.waitMs ?? 0
  if (waitMs > 0 && !process.hasNewsAfter(afterSeq)) await news(process, afterSeq, waitMs, context)
  await context.reserve(process.readBytes(afterSeq))
  // It may have expired while this waited.
  if (process.disposed) unknownProcess(params.processId)
  return process.read(afterSeq, params.maxBytes ?? undefined)
}

/** Settles when there is something after `afterSeq`, when the time is up, or when the connection ends. */
function news(process: Process, afterSeq: number, waitMs: number, context: Context): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      unwatch()
      cancelTimer()
      cancelRelease()
      resolve()
    }
    const unwatch = process.watch(() => {
      if (process.disposed || process.hasNewsAfter(afterSeq)) stop()
    })
    const cancelTimer = context.clock.after(waitMs, stop)
    const cancelRelease = context.onRelease(stop)
    // Pieces read in this very turn became a chunk when the watch began.
    if (process.hasNewsAfter(afterSeq)) stop()
  })
}

function unknownProcess(processId: string): never {
  throw invalidRequest(`unknown process id ${processId.slice(0, 100)}`)
}

async function write(params: WriteParams, context: Context): Promise<{ status: WriteStatus }> {
  const { processes } = context.session
  // Found without waiting a turn, so that the writes of one burst are queued in the order they came.
  const process = processes.isStarting(params.processId)
    ? await processes.find(params.processId)
    : processes.findStarted(params.processId)
  if (process === undefined) return { status: 'unknownProcess' }
  return { status: await process.write(params.chunk, params.writeId) }
}

export const processMethods = {
  [Method.ProcessStart]: method(FAMILY, StartParams, start),
  [Method.ProcessRead]: method(FAMILY, ReadParams, read),
  [Method.ProcessWrite]: method(FAMILY, WriteParams, write),
  [Method.ProcessSignal]: method(FAMILY, SignalParams, ({ processId }, { session }) => {
    session.processes.findStarted(processId)?.interrupt()
    return {}
  }),
  [Method.ProcessTerminate]: method(FAMILY, TerminateParams, ({ processId }, { session }) => ({
    running: session.processes.terminate(processId),
  })),
}

/** Handlers of the methods that look at runs, wait for them and follow them, no matter who started them. */
import { invalidParams, invalidRequest } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { LogsParams, RemoveParams, SnapshotParams, WaitParams } from '../../protocol/schemas/runs.ts'
import type {
  BytesOrBase64,
  LogsResult,
  RunTarget,
  SnapshotResult,
  StreamSnapshot,
  WaitResult,
} from '../../protocol/schemas/runs.ts'
import type { ListedProcess, OutputStream } from '../../protocol/schemas/process.ts'
import { NoParams } from '../../protocol/schemas/session.ts'
import { resultWithBytes } from '../base/json-fragments.ts'
import type { BytesResult } from '../base/json-fragments.ts'
import type { Limits } from '../base/limits.ts'
import { listed } from '../process/process-registry.ts'
import type { ProcessRun } from '../process/process-registry.ts'
import { endsWithin } from '../output/stream-ends.ts'
import type { StreamEnds } from '../output/stream-ends.ts'
import { method } from './method.ts'
import type { Services } from './method.ts'
import { checkMayList } from './process-methods.ts'
import type { Ticket } from './ticket.ts'
import { waitForProcess } from './wait.ts'

const FAMILY = 'exec'

type Found = ProcessRun | ListedProcess

/**
 * Finds the run that a request names.
 * @throws -32602 unless it names one, -32600 if there is none
 */
async function findRun({ processId, run }: RunTarget, { session, registry, host }: Services): Promise<Found> {
  const isOfSession = processId !== null && processId !== undefined
  const isOfServer = run !== null && run !== undefined
  if (isOfSession === isOfServer) throw invalidParams('either processId or run must be given')
  if (isOfServer) {
    checkMayList(host)
    return registry.findAny(run)
  }
  const process = await session.processes.find(processId as string)
  const found = process === undefined ? undefined : registry.ofProcess(process)
  if (found === undefined) throw invalidRequest(`unknown process id ${(processId as string).slice(0, 100)}`)
  return found
}

const isLive = (run: Found): run is ProcessRun => 'process' in run

function bytesWithin(maxBytes: number | null | undefined, limits: Limits): number {
  const wanted = maxBytes ?? limits.snapshotBytes
  if (wanted > limits.snapshotMaxBytes) throw invalidParams(`maxBytes must be at most ${limits.snapshotMaxBytes}`)
  return wanted
}

async function snapshot(params: SnapshotParams, services: Services, ticket: Ticket): Promise<BytesResult> {
  const { limits } = services
  const maxBytes = bytesWithin(params.maxBytes, limits)
  const run = await findRun(params, services)
  if (!isLive(run))
    throw invalidRequest(`run ${run.run} has ended with an earlier server: read it by ${Method.ProcessLogs}`)
  await ticket.reserve(maxBytes * 2)
  const { process } = run
  const drawn = await process.drawScreen()
  const stream = (name: OutputStream): StreamEnds | undefined => {
    const ends = process.retained.ends(name)
    return ends === undefined ? undefined : endsWithin(ends, maxBytes)
  }
  const state = {
    ...listed(run),
    running: process.exitCode === undefined,
    screen: drawn?.screen ?? null,
    nextSeq: (drawn?.seq ?? process.retained.lastSeq) + 1,
  }
  const [stdout, stderr, terminal] = [stream('stdout'), stream('stderr'), stream('pty')]
  return resultWithBytes((encode): SnapshotResult => {
    const encoded = (ends: StreamEnds | undefined): StreamSnapshot | null =>
      ends === undefined ? null : encodedEnds(ends, encode)
    return { ...state, stdout: encoded(stdout), stderr: encoded(stderr), terminal: encoded(terminal) }
  })
}

const encodedEnds = (
  { head, tail, totalBytes, droppedBytes }: StreamEnds,
  encode: (bytes: Uint8Array) => BytesOrBase64,
): StreamSnapshot => ({
  head: encode(head),
  tail: encode(tail),
  totalBytes,
  droppedBytes,
  truncated: droppedBytes > 0,
})

async function wait(params: WaitParams, services: Services, ticket: Ticket): Promise<WaitResult> {
  const run = await findRun(params, services)
  if (!isLive(run)) return { exited: true, closed: true, exitCode: run.exitCode, sandboxDenied: false }
  const { process } = run
  const isOver = (): boolean => process.closed || (params.until !== 'close' && process.exitCode !== undefined)
  if (!isOver() && params.timeoutMs !== 0) {
    const waitMs = params.timeoutMs ?? Infinity
    await waitForProcess(process, isOver, { waitMs, clock: services.clock, ticket })
  }
  return {
    exited: process.exitCode !== undefined,
    closed: process.closed,
    exitCode: process.exitCode ?? null,
    sandboxDenied: process.retained.sandboxDenied,
  }
}

async function logs(params: LogsParams, services: Services, ticket: Ticket): Promise<BytesResult> {
  const { limits, detached, clock } = services
  const maxBytes = bytesWithin(params.maxBytes, limits)
  const run = await findRun(params, services)
  const position = params.position ?? 0
  if (isLive(run) && (params.waitMs ?? 0) > 0) {
    const { process } = run
    const hasNews = (): boolean => process.closed || process.retained.outputBytes > position
    if (!hasNews()) await waitForProcess(process, hasNews, { waitMs: params.waitMs ?? 0, clock, ticket })
  }
  await ticket.reserve(maxBytes * 2)
  // Looked at first: what is read then is the end.
  const isOver = !isLive(run) || run.process.closed
  const range = { position, lastBytes: params.lastBytes ?? undefined, sinceMs: params.sinceMs ?? 0, maxBytes }
  const part = await detached.logs(run, range)
  const isAtEnd =
    part.entries.length === 0 || part.position >= (isLive(run) ? run.process.retained.outputBytes : Infinity)
  const { entries, position: next, droppedBytes } = part
  return resultWithBytes(
    (encode): LogsResult => ({
      entries: entries.map(({ bytes, stream, atMs, position }) => ({ stream, atMs, position, chunk: encode(bytes) })),
      position: next,
      droppedBytes,
      ended: isOver && isAtEnd,
    }),
  )
}

/** The methods about runs, by name. */
export const runMethods = {
  [Method.ProcessSnapshot]: method(FAMILY, SnapshotParams, snapshot),
  [Method.ProcessWait]: method(FAMILY, WaitParams, wait),
  [Method.ProcessLogs]: method(FAMILY, LogsParams, logs),
  [Method.ProcessRemove]: method(FAMILY, RemoveParams, async (params, services) => {
    services.detached.remove(await findRun(params, services))
    return {}
  }),
  [Method.ProcessSubscribe]: method(FAMILY, NoParams, (_, { host, registry, feed }, ticket) => {
    checkMayList(host)
    const processes = registry.list()
    // After the answer, which says how everything was.
    ticket.afterResponse(() => feed.follow(registry))
    return { processes }
  }),
}

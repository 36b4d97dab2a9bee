/** Looks at the runs of a server, follows them, and starts those that outlive their client. */
import { Method } from '../../protocol/wire/methods.ts'
import type { LogsResult, SnapshotResult, StreamSnapshot, WaitResult } from '../../protocol/schemas/runs.ts'
import { bytesOf } from '../base/base64.ts'
import { UnsupportedError } from '../base/errors.ts'
import type {
  Abortable,
  Exit,
  LogEntry,
  LogOptions,
  ListedProcess,
  ProcessSnapshot,
  RunEvent,
  StreamEnds,
  WaitOptions,
} from '../base/types.ts'
import type { RpcClient } from '../session/rpc-client.ts'

/** How long a request for more output waits at the server: short enough to detect a dead peer. */
const FOLLOW_MS = 10_000

/** Names a process: by its id in the session, or by the number or name of its run. */
export type Target = { processId: string } | { run: number | string }

/** @throws {UnsupportedError} If the server lacks the extension. */
function need(rpc: RpcClient, extension: string, what: string): void {
  if (!rpc.extensions.has(extension)) throw new UnsupportedError(`this server cannot ${what}`)
}

const ends = (stream: StreamSnapshot | null): StreamEnds | undefined =>
  stream === null ? undefined : { ...stream, head: bytesOf(stream.head, 'head'), tail: bytesOf(stream.tail, 'tail') }

/** Looks at a process. */
export async function snapshot(
  rpc: RpcClient,
  target: Target,
  { signal, maxBytes }: Abortable & { maxBytes?: number } = {},
): Promise<ProcessSnapshot> {
  need(rpc, 'snapshot', 'show what a process has written')
  const params = { ...target, maxBytes: maxBytes ?? null }
  const result = await rpc.call<SnapshotResult>(Method.ProcessSnapshot, params, { signal, repeatable: true })
  const { stdout, stderr, terminal, screen, ...process } = result
  return {
    ...process,
    stdout: ends(stdout),
    stderr: ends(stderr),
    terminal: ends(terminal),
    screen: screen ?? undefined,
  }
}

/** Waits for the exit or the close of a process. */
export function wait(
  rpc: RpcClient,
  target: Target,
  { signal, until = 'exit', timeoutMs }: WaitOptions = {},
): Promise<WaitResult> {
  need(rpc, 'wait', 'wait for a process')
  const params = { ...target, until, timeoutMs: timeoutMs ?? null }
  return rpc.call<WaitResult>(Method.ProcessWait, params, { signal, repeatable: true })
}

/** Waits for the exit of a process whose events are not sent to this client. The server answers when it has exited. */
export async function waitForExit(rpc: RpcClient, target: Target, signal: AbortSignal | undefined): Promise<Exit> {
  const { exitCode, sandboxDenied } = await wait(rpc, target, { signal })
  return { exitCode: exitCode ?? -1, sandboxDenied }
}

/** Reads the output of a run from any position. With `follow`, until it has ended. */
export async function* logs(
  rpc: RpcClient,
  target: Target,
  { signal, follow = false, lastBytes, since, position = 0 }: LogOptions = {},
): AsyncGenerator<LogEntry, void, undefined> {
  need(rpc, 'detached', 'keep the output of a run')
  const sinceMs = since === undefined ? null : Math.max(0, Number(since))
  let [at, last] = [position, lastBytes ?? null]
  for (;;) {
    const params = { ...target, position: at, lastBytes: last, sinceMs, waitMs: follow ? FOLLOW_MS : 0 }
    const part = await rpc.call<LogsResult>(Method.ProcessLogs, params, { signal, repeatable: true })
    if (part.droppedBytes > 0) yield { type: 'dropped', bytes: part.droppedBytes }
    for (const { stream, atMs, position, chunk } of part.entries)
      yield { type: 'output', stream, atMs, position, bytes: bytesOf(chunk, 'chunk') }
    const isAtEnd = part.position === at && part.entries.length === 0
    at = part.position
    last = null
    if (part.ended || (!follow && isAtEnd)) return
  }
}

/** Forgets an ended run, with its output. */
export async function remove(rpc: RpcClient, target: Target, { signal }: Abortable = {}): Promise<void> {
  need(rpc, 'detached', 'remove runs')
  await rpc.call(Method.ProcessRemove, target, { signal })
}

/** Most events that wait for a reader: a server forgets no more than that for a connection, too. */
const MAX_WAITING = 4096

/**
 * Follows all runs of a server, from those that there are on. A reader that falls behind, and a connection that was
 * lost, make it list the runs anew.
 */
export async function* followRuns(
  rpc: RpcClient,
  { signal }: Abortable = {},
): AsyncGenerator<RunEvent, void, undefined> {
  need(rpc, 'detached', 'tell of the processes of others')
  let waiting: RunEvent[] = []
  let news = Promise.withResolvers<void>()
  let isMissed = false
  const wake = (): void => news.resolve()
  const add = (event: RunEvent): void => {
    if (waiting.length < MAX_WAITING) waiting.push(event)
    else miss()
    wake()
  }
  const miss = (): void => {
    waiting = []
    isMissed = true
    wake()
  }
  const stops = [
    rpc.onNotification(Method.ProcessStarted, (params) => add({ type: 'started', ...(params as Told) })),
    rpc.onNotification(Method.ProcessFailed, (params) =>
      add({ type: 'failed', ...(params as Told & { message: string }) }),
    ),
    rpc.onNotification(Method.ProcessListChanged, (params) => {
      const { process, removed = false } = params as { process: ListedProcess | null; removed?: boolean }
      if (process === null) miss()
      else add({ type: removed ? 'removed' : process.state === 'closed' ? 'closed' : 'exited', process })
    }),
    rpc.onLost(miss),
  ]
  signal?.addEventListener('abort', wake)
  const list = async (): Promise<RunEvent> => {
    isMissed = false
    const { processes } = await rpc.call<{ processes: ListedProcess[] }>(Method.ProcessSubscribe, null, {
      signal,
      repeatable: true,
    })
    return { type: 'list', processes }
  }
  try {
    yield await list()
    for (;;) {
      signal?.throwIfAborted()
      const event = waiting.shift()
      if (isMissed) yield await list()
      else if (event !== undefined) yield event
      else {
        news = Promise.withResolvers()
        if (waiting.length === 0 && !isMissed && signal?.aborted !== true) await news.promise
      }
    }
  } finally {
    signal?.removeEventListener('abort', wake)
    for (const stop of stops) stop()
  }
}

type Told = { process: ListedProcess }

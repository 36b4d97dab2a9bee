/** A server inside a program: on the program's own connections, and on a listener of its own. */
import type { Socket } from 'node:net'
import { resolve } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { createExecServer } from '../core/rpc/server.ts'
import { systemClock } from '../host/clock.ts'
import { createHost, killAllProcesses } from '../host/index.ts'
import { atExit } from '../client/base/at-exit.ts'
import { clientLimits, openClient } from '../client/client.ts'
import { inProcessConnector } from '../client/transports/in-process.ts'
import {
  openAudit,
  openAuthenticator,
  openHttpPolicy,
  openListen,
  openMcp,
  openRecorder,
  openRuns,
  openTls,
  urlOf,
} from '../cli/serve/open-parts.ts'
import type { Open } from '../cli/serve/open-parts.ts'
import type { ServeCommand } from '../cli/serve/arguments.ts'
import { openForward } from '../cli/base/forward-arguments.ts'
import { checkMappedFolders } from '../cli/base/map-arguments.ts'
import { UsageError } from '../base/usage-error.ts'
import { hostCheck } from '../server/http/host-check.ts'
import { plainOpener } from '../server/http/socket-opener.ts'
import { previewOf } from '../server/preview/source.ts'
import { serveTls } from '../server/tls/serve-tls.ts'
import { missingForConnections } from '../server/connection-check.ts'
import { missingInternals, warnOfMissing } from '../server/runtime-check.ts'
import { createMetrics } from '../server/telemetry/metrics.ts'
import { createRefusals } from '../server/telemetry/refusals.ts'
import { createTelemetry } from '../server/telemetry/telemetry.ts'
import { serveStdio } from '../server/transports/stdio.ts'
import { createWebSocketServer } from '../server/transports/websocket.ts'
import { parseServerConfig } from './config.ts'
import { peerCheckFor } from './let-in.ts'
import type { ByteStreams, Server, ServerConfig, ServerOptions } from './types.ts'

/** How long clients have to receive what is queued, and the close frame. */
const CLOSE_GRACE_MS = 250

/**
 * Creates a server.
 * @throws {ConfigError} if an option is wrong, or what it names cannot be opened
 * @example
 * await using server = await createServer({ listen: 'ws://127.0.0.1:4600' })
 */
export async function createServer(config: ServerConfig = {}, { log: sink }: ServerOptions = {}): Promise<Server> {
  const command = parseServerConfig(config)
  const { limits, listen, pathMap } = command
  checkMappedFolders(pathMap)
  const parts = await openParts(command, config)
  const { sandbox, httpPolicy, forward, authenticator, path, runs, recordings, auditFile, tls, listener, checkHost } =
    parts
  const telemetry = createTelemetry(command.logLevel, auditFile, limits, sink && lineSink(sink))
  const { log } = telemetry
  const report = (fault: unknown): void =>
    log.write('error', 'internalError', { fault: fault instanceof Error ? fault.stack : String(fault) })
  runs?.onFault(report)
  recordings?.onStopped((file, reason) => log.write('warn', 'recordingStopped', { file, reason }))
  const host = createHost({ sandbox, limits, httpPolicy, forward, recordings, starts: command.starts, report })
  const core = createExecServer({
    store: runs,
    host,
    clock: systemClock,
    limits,
    observer: telemetry.observer,
    pathMap,
  })
  // Of all servers in this program; later calls find none.
  const unregister = atExit(() => killAllProcesses())
  warnOfMissing(log, [...missingInternals(listener?.server), ...missingForConnections()])
  const refusals = createRefusals(log, limits)
  const secure = tls && serveTls(tls, { log, onRefused: refusals.note, checkMs: limits.certificateCheckMs })
  const mcp = parts.mcp?.(core)
  const preview = previewOf({ ...command, httpPolicy, forward })
  const webSockets = createWebSocketServer(core, {
    limits,
    opener: secure ?? plainOpener,
    authenticator,
    checkPeer: peerCheckFor(command, config),
    checkHost,
    origins: command.origins,
    mcp: mcp?.fetch,
    preview,
    metrics: createMetrics(core, log.dropped, refusals.counts, {
      previews: preview && (() => preview.traffic.counts()),
      mcpSessions: mcp?.sessions,
    }),
    report,
    onRefused: refusals.note,
  })
  if (listener !== undefined) webSockets.accept(listener)
  const streams = new Set<Pair>()
  const stops: (() => void)[] = listener === undefined ? [] : [() => listener.close()]
  let ending: Promise<void> | undefined
  const refuseIfEnding = (): void => {
    if (ending !== undefined) throw new Error('the server has been closed')
  }

  const end = async (): Promise<void> => {
    for (const stop of stops) stop()
    webSockets.closeIdle()
    secure?.close()
    const mcpEnded = mcp?.close()
    // Nothing new begins on connections that are being closed.
    void core.drain(0)
    core.shutdown()
    const flushed = Promise.all([...streams].map(({ finished }) => finished))
    await Promise.all([webSockets.ended(CLOSE_GRACE_MS), within(CLOSE_GRACE_MS, Promise.all([flushed, mcpEnded]))])
    for (const { input, output } of streams) for (const stream of [input, output]) stream.destroy()
    await Promise.all([runs?.flush(), recordings?.settled()])
    telemetry.stop()
    auditFile?.close()
    for (const directory of directoriesOf(command)) directories.delete(directory)
    unregister()
  }
  const close = async ({ graceMs = limits.drainMs }: { graceMs?: number } = {}): Promise<void> => {
    if (graceMs > 0 && !core.isDraining) await core.drain(graceMs)
    await (ending ??= end())
  }

  return {
    url: listener && urlOf(listener, listen, path),
    path: path === '' ? '/' : path,
    connect: async (options = {}) => {
      refuseIfEnding()
      return openClient(
        inProcessConnector(core, () => {}),
        options,
        clientLimits(options),
      )
    },
    serveStreams: async (given) => {
      refuseIfEnding()
      const { input, output } = nodeStreams(given)
      const pair = { input, output, finished: serveStdio(core, input, output) }
      streams.add(pair)
      await pair.finished
      streams.delete(pair)
    },
    serveWebSocket: (websocket, { socket }) => {
      if (ending === undefined) webSockets.serve(websocket as WebSocket, socket)
      else websocket.terminate()
    },
    handleUpgrade: (request, socket, head) => {
      if (ending === undefined) webSockets.upgrade(request, socket as Socket, head)
      else socket.destroy()
    },
    serveListener: (listening) => {
      refuseIfEnding()
      webSockets.accept({
        accept: (take) => {
          listening.on('connection', take)
          stops.push(() => listening.off('connection', take))
        },
      })
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

type Pair = { input: Readable; output: Writable; finished: Promise<void> }

/** Directories of detached runs and of recordings that servers of this program use. The file lock in each tells programs apart only. */
const directories = new Set<string>()

const directoriesOf = ({ logDir, recordDir }: Pick<ServeCommand, 'logDir' | 'recordDir'>): string[] =>
  [...new Set([logDir, recordDir])].flatMap((path) => (path === undefined ? [] : [resolve(path)]))

/** Opens what the configuration names, before anything of the server is there. Leaves nothing open on failure. */
async function openParts({ listen, sandbox, limits, ...command }: ServeCommand, config: ServerConfig) {
  const httpPolicy = await openHttpPolicy(command.httpPolicy)
  const forward = await openForward(command.forward)
  const { authenticator, path } = await openAuthenticator(command.authentication)
  const mcp = await openMcp(command.mcp)
  const own = directoriesOf(command)
  const used = own.find((path) => directories.has(path))
  if (used !== undefined) throw new UsageError(`another server of this program uses the directory ${used}`, 1)
  const tls = await openTls(command.tls, listen, command.hosts)
  const runs = await openRuns(command.logDir, limits.runLogs)
  const recordings = await openRecorder(command.recordDir, limits.runLogs)
  const auditFile = await openAudit(command.auditLog)
  try {
    const isListening = config.listen !== undefined && listen.kind !== 'stdio'
    const { listener, checkHost = hostCheck(command.hosts) }: Partial<Open> = isListening
      ? await openListen(listen, command.hosts)
      : {}
    for (const directory of own) directories.add(directory)
    const confined = listen.kind === 'unix' ? { ...sandbox, ownSocket: listen.path } : sandbox
    return {
      sandbox: confined,
      httpPolicy,
      forward,
      mcp,
      authenticator,
      path,
      runs,
      recordings,
      auditFile,
      tls,
      listener,
      checkHost,
    }
  } catch (error) {
    auditFile?.close()
    throw error
  }
}

/** Waits for `work`, at most so long. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController()
  await Promise.race([work, setTimeout(ms, undefined, { signal: timer.signal }).catch(() => {})])
  timer.abort()
}

const lineSink =
  (log: (line: string) => void) =>
  (line: string): boolean => {
    log(line)
    return true
  }

function nodeStreams({ readable, writable }: ByteStreams): { input: Readable; output: Writable } {
  return {
    input:
      readable instanceof Readable ? readable : Readable.fromWeb(readable as Parameters<typeof Readable.fromWeb>[0]),
    output: writable instanceof Writable ? writable : Writable.fromWeb(writable),
  }
}

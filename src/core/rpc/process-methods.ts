/** Handlers of the process methods. */
import { invalidParams, invalidRequest } from '../../protocol/wire/errors.ts'
import { Method } from '../../protocol/wire/methods.ts'
import {
  AcknowledgeParams,
  AttachParams,
  CloseStdinParams,
  ReadParams,
  ResizeParams,
} from '../../protocol/schemas/process.ts'
import { SignalParams, StartParams, TerminateParams, WriteParams } from '../../protocol/schemas/process.ts'
import type { AttachResult, ListedProcess, StartResult, WriteStatus } from '../../protocol/schemas/process.ts'
import { NoParams } from '../../protocol/schemas/session.ts'
import { unwrapLinuxSandbox } from '../../protocol/schemas/linux-sandbox.ts'
import { childEnvironment } from '../process/env-policy.ts'
import type { BytesResult } from '../base/json-fragments.ts'
import type { Host, SpawnSpec } from '../base/host.ts'
import { method } from './method.ts'
import type { Services } from './method.ts'
import type { Ticket } from './ticket.ts'
import type { Process } from '../process/process.ts'
import type { ProcessRun } from '../process/process-registry.ts'
import type { StartOptions } from '../process/table-options.ts'
import type { Session } from '../session/session.ts'
import { SNAPSHOT_SHELLS } from '../shell-snapshot/shells.ts'
import { preparedParams } from './prepared-start.ts'
import { waitForProcess } from './wait.ts'

const FAMILY = 'exec'

async function start(params: StartParams, services: Services, ticket: Ticket): Promise<StartResult> {
  const { peer, host, files, session } = services
  if (params.argv.length === 0) throw invalidParams('argv must not be empty')
  refuseManagedNetwork(params)
  const unwrapped =
    preparedParams(params, host) ?? (params.agent === 'copy' ? agentParams(params, host) : unwrap(params, services))
  const isSandboxed = isSomething(unwrapped.sandbox)
  const spec = (): SpawnSpec => spawnSpec(unwrapped, host)
  const options = { peer, isSandboxed, ready: files.settled(), prepare: snapshotStart(unwrapped, services) }
  const sandboxType = isSandboxed ? host.sandboxType : 'none'
  if (isSomething(params.detached)) {
    const { number } = await startDetached(params, spec, options, services)
    return { processId: params.processId, sandboxType, run: number }
  }
  const outputWindow = params.outputWindow ?? undefined
  const { announce } = await session.processes.start(params.processId, spec, { ...options, outputWindow })
  ticket.afterResponse(announce)
  return { processId: params.processId, sandboxType }
}

/** Has a login shell's command started with a snapshot, if the client asks for that. */
function snapshotStart(
  { shellSnapshot: request, envPolicy: policy, env, argv }: StartParams,
  { session, host, caller }: Services,
): StartOptions['prepare'] {
  if (!isSomething(request)) return undefined
  const { name, path } = request.shell
  if (argv[0] === path && argv[1] === '-lc' && !SNAPSHOT_SHELLS.has(name))
    throw invalidParams(`shell snapshots are of bash, zsh and sh, not of ${name.slice(0, 100)}`)
  const files = host.files(undefined, caller)
  return (spec) => session.shells.prepare(spec, { request, policy, own: env.keys(), files })
}

/** Starts a run of the server's, and attaches the session to it under its id. */
async function startDetached(
  { processId, detached: asked, outputWindow }: StartParams,
  spec: () => SpawnSpec,
  options: StartOptions,
  { session, detached, host }: Services,
): Promise<ProcessRun> {
  checkMayList(host)
  if (isSomething(outputWindow))
    throw invalidParams('outputWindow is for a process whose client reads it: not with detached')
  session.processes.checkFree(processId)
  const run = await detached.start(spec, { ...options, name: asked?.name ?? undefined })
  session.processes.attachTo(run, processId)
  return run
}

/** The agent has the name of this program, by whatever path it is started. */
function agentParams(params: StartParams, host: Host): StartParams {
  if (isSomething(params.sandbox)) throw invalidParams('the copy agent runs without a sandbox')
  return { ...params, argv: [...host.copyAgent], arg0: 'exec-server', tty: false }
}

/** Refuses rather than run with the full network where a filtered one was requested. */
function refuseManagedNetwork({ enforceManagedNetwork, networkProxy }: StartParams): void {
  if (enforceManagedNetwork) throw invalidParams('this executor cannot enforce a managed network')
  if (isSomething(networkProxy)) throw invalidParams('this executor has no network proxy')
}

/** Older clients encode the sandbox in the command line; extracts it, so that it is enforced like any other. */
function unwrap(params: StartParams, { session, pathMap }: Services): StartParams {
  const wrapped = unwrapLinuxSandbox(params.argv, pathMap)
  if (wrapped === undefined) return params
  if (isSomething(params.sandbox)) throw invalidParams('a command cannot have both a sandbox and a sandbox program')
  session.workspace.ofLastCommand = wrapped.sandbox.cwd
  return { ...params, argv: wrapped.argv, arg0: null, sandbox: wrapped.sandbox }
}

function isSomething<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined
}

function spawnSpec(params: StartParams, host: Host): SpawnSpec {
  return {
    argv: params.argv,
    cwd: params.cwd,
    env: environment(params, host),
    stdin: params.tty ? 'terminal' : params.pipeStdin ? 'pipe' : 'closed',
    ...(params.tty && isSomething(params.terminalSize) ? { terminalSize: params.terminalSize } : {}),
    ...(isSomething(params.arg0) ? { arg0: params.arg0 } : {}),
    ...(isSomething(params.sandbox) ? { sandbox: params.sandbox } : {}),
    ...(params.prepared ? { isPrepared: true } : {}),
  }
}

/** Request metadata is set last, regardless of the policy: it identifies this very command. */
function environment({ envPolicy, env, metadata }: StartParams, host: Host): Map<string, string> {
  const variables = childEnvironment(host.environment(), envPolicy, env)
  if (isSomething(metadata?.threadId)) variables.set('CODEX_THREAD_ID', metadata.threadId)
  if (isSomething(metadata?.toolCallId)) variables.set('CODEX_TOOL_CALL_ID', metadata.toolCallId)
  return variables
}

async function read(params: ReadParams, { session, clock }: Services, ticket: Ticket): Promise<BytesResult> {
  const finding = find(params, session)
  const process = (finding instanceof Promise ? await finding : finding) ?? unknownProcess(params.processId)
  const afterSeq = params.afterSeq ?? 0
  const waitMs = params.waitMs ?? 0
  const hasNews = (): boolean => process.events.hasNewsAfter(afterSeq)
  if (waitMs > 0 && !hasNews()) await waitForProcess(process, hasNews, { waitMs, clock, ticket })
  await ticket.reserve(process.events.readBytes(afterSeq))
  // It may have been retired in the meantime.
  if (process.disposed) unknownProcess(params.processId)
  return process.events.read(afterSeq, params.maxBytes ?? undefined)
}

function unknownProcess(processId: string): never {
  throw invalidRequest(`unknown process id ${processId.slice(0, 100)}`)
}

/** Waits only for a process that is still starting: pipelined requests must run in the order of their arrival. */
function find(
  { processId }: { processId: string },
  { processes }: Session,
): Process | undefined | Promise<Process | undefined> {
  return processes.isStarting(processId) ? processes.find(processId) : processes.findStarted(processId)
}

async function write(params: WriteParams, { session }: Services, ticket: Ticket): Promise<{ status: WriteStatus }> {
  const finding = find(params, session)
  const process = finding instanceof Promise ? await finding : finding
  if (process === undefined) return { status: 'unknownProcess' }
  const status = await process.write(params.chunk, writeIdOf(params, session), () => ticket.excludeFromLimit())
  return { status }
}

/** Prefixes the write id of an attached process with the session's: ids are unique only within a session. */
function writeIdOf({ processId, writeId }: WriteParams, { id, processes }: Session): string | null | undefined {
  return writeId && processes.originOf(processId) !== undefined ? `${id} ${writeId}` : writeId
}

async function closeStdin(params: { processId: string }, { session }: Services): Promise<{ status: WriteStatus }> {
  const finding = find(params, session)
  const process = finding instanceof Promise ? await finding : finding
  return { status: process?.closeStdin() ?? 'unknownProcess' }
}

async function resize({ processId, rows, columns }: ResizeParams, { session }: Services): Promise<object> {
  const finding = find({ processId }, session)
  const process = (finding instanceof Promise ? await finding : finding) ?? unknownProcess(processId)
  process.resize({ rows, columns })
  return {}
}

async function acknowledge(
  { processId, seq }: { processId: string; seq: number },
  { session }: Services,
): Promise<object> {
  const { processes } = session
  // The starting session's client may still need it.
  if (processes.originOf(processId) !== undefined)
    throw invalidRequest('output is acknowledged by the session that has started the process')
  if (processes.isStarting(processId)) await processes.find(processId)
  const process = processes.findOwn(processId) ?? unknownProcess(processId)
  process.events.acknowledge(seq)
  return {}
}

function list(_: unknown, { host, registry }: Services): { processes: ListedProcess[] } {
  checkMayList(host)
  return { processes: registry.list() }
}

async function attach({ run, processId }: AttachParams, { host, registry, session }: Services): Promise<AttachResult> {
  checkMayList(host)
  const found = await registry.find(run)
  session.processes.attachTo(found, processId)
  return { processId, argv: [...found.argv], tty: found.tty, state: found.process.state }
}

/** @throws -32600 where clients must not see each other's processes */
export function checkMayList(host: Host): void {
  if (host.requiresSandbox) throw invalidRequest('this executor shows no client what others run (--require-sandbox)')
}

/** The process methods, by name. */
export const processMethods = {
  [Method.ProcessStart]: method(FAMILY, StartParams, start),
  [Method.ProcessRead]: method(FAMILY, ReadParams, read),
  [Method.ProcessWrite]: method(FAMILY, WriteParams, write),
  [Method.ProcessSignal]: method(FAMILY, SignalParams, ({ processId, signal }, { session }) => {
    session.processes.findStarted(processId)?.signal(signal)
    return {}
  }),
  [Method.ProcessTerminate]: method(FAMILY, TerminateParams, ({ processId, graceMs }, { session, limits }) => {
    const grace = graceMs ?? 0
    if (grace > limits.graceMs) throw invalidParams(`graceMs must be at most ${limits.graceMs}`)
    return { running: session.processes.terminate(processId, grace) }
  }),
  [Method.ProcessCloseStdin]: method(FAMILY, CloseStdinParams, closeStdin),
  [Method.ProcessResize]: method(FAMILY, ResizeParams, resize),
  [Method.ProcessAcknowledge]: method(FAMILY, AcknowledgeParams, acknowledge),
  [Method.ProcessList]: method(FAMILY, NoParams, list),
  [Method.ProcessAttach]: method(FAMILY, AttachParams, attach),
}

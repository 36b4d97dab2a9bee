/** Implements the core's host for the machine that the server runs on. */
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { setImmediate } from 'node:timers'
import type { AllowedStarts, Child, ChildEvents, Host, SpawnSpec } from '../core/base/host.ts'
import type { Limits } from '../core/base/limits.ts'
import { invalidRequest } from '../protocol/wire/errors.ts'
import { sandboxedFiles } from './sandbox/sandboxed-files.ts'
import { sandboxProcess } from './sandbox/sandboxed-process.ts'
import { COPY_MODE } from './copy/copy-mode.ts'
import { configFiles } from './fs/config-files.ts'
import { environmentInfo } from './environment-info.ts'
import { killAllGroups } from './process-tree/process-tracker.ts'
import { openPolicy } from './http/http-policy.ts'
import type { HttpPolicy } from './http/http-policy.ts'
import { netHost } from './net/net-host.ts'
import type { ForwardOptions } from './net/net-host.ts'
import { closeInheritedOnExec } from './ffi/libc.ts'
import { reapOrphans } from './process-tree/zombie-reaper.ts'
import { SANDBOX_TRIES } from './limits.ts'
import type { HostLimits } from './limits.ts'
import { invalidParams } from '../protocol/wire/errors.ts'
import { spawnError } from './os-error.ts'
import { forkedSelfCommand } from './self-exec.ts'
import { startSandboxedPiped, startPiped } from './process/pipe-process.ts'
import { raiseOpenFilesLimit } from './process/open-files-limit.ts'
import type { SandboxedStart } from './process/sandboxed-command.ts'
import { startConfirmed } from './sandbox/confirmed-start.ts'
import { MountsChangedError } from './sandbox/mount-sources.ts'
import { SandboxSetupError } from './sandbox/mount-verification.ts'
import { startRecorded } from './recording/recorded-terminal.ts'
import type { Recordings } from './recording/recordings.ts'
import { createSandboxes, sandboxType } from './sandbox/sandboxes.ts'
import type { SandboxOptions, Sandboxes } from './sandbox/sandboxes.ts'
import { ensureWatchdog } from './process-tree/watchdog.ts'
import { watchMissing } from './fs/watch-missing.ts'
import { bundledTools } from './tools/bundled-tools.ts'
import { startSandboxedOnTerminal, startOnTerminal, terminalEnvironment } from './process/terminal-process.ts'

/** What the host needs to know. */
export type HostOptions = {
  sandbox: SandboxOptions
  limits: HostLimits & Pick<Limits, 'configFile' | 'messageBytes'>
  /** The destinations of http/request; absent: all. */
  httpPolicy?: HttpPolicy | undefined
  /** What network connections are allowed; absent: those of the default policy. */
  forward?: ForwardOptions | undefined
  /** Where terminals are recorded; absent: nowhere. */
  recordings?: Recordings | undefined
  /** Absent: all. */
  starts?: AllowedStarts
  /** Called with an error that was handled but not expected. */
  report: (fault: unknown) => void
}

const ALL_STARTS: AllowedStarts = { direct: true, prepared: true }

/**
 * Creates the host. Sets close-on-exec on inherited descriptors, raises the limit of open files, and reaps orphans when
 * this process is PID 1.
 */
export function createHost({
  sandbox,
  limits,
  httpPolicy,
  forward = { isAllowed: true },
  recordings,
  starts = ALL_STARTS,
  report,
}: HostOptions): Host {
  closeInheritedOnExec()
  raiseOpenFilesLimit()
  reapOrphans()
  const sandboxes = createSandboxes(sandbox)
  const sandboxed = sandboxedFiles(sandboxes, limits)
  // Read once: nothing in this process changes it, and each read costs one system call per variable.
  let environment: ReadonlyMap<string, string> | undefined
  // Loaded on first use: most sessions make no request, and loading TLS is slow.
  let http: Promise<Host['http']> | undefined
  return {
    http: async (request, signal) => {
      if (sandbox.required && httpPolicy === undefined)
        throw invalidRequest(
          'this executor makes no HTTP request unless --http-policy says to whom (--require-sandbox)',
        )
      http ??= import('./http/http-client.ts').then(({ httpClient }) => httpClient(httpPolicy ?? openPolicy))
      // A failed load, for example out of descriptors, is retried.
      http.catch(() => (http = undefined))
      return (await http)(request, signal)
    },
    spawn: async (spec, events) => {
      ensureWatchdog()
      try {
        if (recordings !== undefined && spec.stdin === 'terminal')
          return await startRecorded(spec, events, recordings, (own) => start(spec, own, sandboxes, report))
        return await start(spec, events, sandboxes, report)
      } catch (error) {
        throw spawnError(error)
      }
    },
    files: sandboxed.filesFor,
    collect: (snapshot) => {
      snapshot.sandboxHelpers = sandboxed.helperCounts()
    },
    openScreen: async (size) => (await import('./process/terminal-emulator.ts')).openTerminalEmulator(size),
    // The watch runs outside any sandbox, so not where one is required.
    watchMissing: (missing, present, changed) =>
      sandboxes.required ? undefined : watchMissing(missing, present, changed),
    net: netHost(forward, { isSandboxRequired: sandbox.required, httpPolicy }),
    configFiles: configFiles(limits.configFile),
    requiresSandbox: sandboxes.required,
    starts,
    copyAgent: [...forkedSelfCommand(), COPY_MODE],
    sandboxType,
    environmentInfo: () => {
      sandboxes.prepare()
      // Before the first command, but after the response.
      setImmediate(ensureWatchdog)
      return environmentInfo({ readsConfig: !sandboxes.required })
    },
    environment: () => (environment ??= new Map(Object.entries(process.env) as [string, string][])),
    uuid: randomUUID,
    report,
  }
}

async function start(
  spec: SpawnSpec,
  events: ChildEvents,
  sandboxes: Sandboxes,
  report: HostOptions['report'],
): Promise<Child> {
  const onTerminal = spec.stdin === 'terminal'
  const full = onTerminal && spec.isPrepared !== true ? { ...spec, env: terminalEnvironment(spec.env) } : spec
  const tools = await provideTools(spec, report)
  for (let tries = 1; ; tries++) {
    const isLast = tries >= SANDBOX_TRIES
    try {
      const how = await sandboxProcess(full, sandboxes, tools)
      if ('sandboxed' in how) return await startSandboxed(spec, how.sandboxed, events, isLast)
      return await (onTerminal ? startOnTerminal(how.spec, events) : startPiped(how.spec, events))
    } catch (error) {
      if (!(error instanceof MountsChangedError || error instanceof SandboxSetupError)) throw error
      if (isLast) throw invalidParams(`this executor cannot enforce the process sandbox: ${error.message}`)
    }
  }
}

/** Makes the bundled tools ready for a command that refers to them. Returns what its sandbox is to show besides. */
async function provideTools(spec: SpawnSpec, report: HostOptions['report']): Promise<string[]> {
  const tools = bundledTools()
  if (tools === undefined || !tools.isWantedBy(spec)) return []
  try {
    await tools.provide()
  } catch (error) {
    // The command can do without: it would not find them on another machine, either.
    report(error)
  }
  return spec.isPrepared === true ? [] : [tools.folder]
}

async function startSandboxed(
  { stdin, terminalSize }: SpawnSpec,
  sandboxed: SandboxedStart,
  events: ChildEvents,
  isLast: boolean,
): Promise<Child> {
  let isStarted = false
  try {
    return await startConfirmed(sandboxed, events, isLast, async (held) => {
      const child = await (stdin === 'terminal'
        ? startSandboxedOnTerminal(sandboxed, terminalSize, held)
        : startSandboxedPiped(stdin === 'pipe', sandboxed, held))
      isStarted = true
      return child
    })
  } catch (error) {
    // Once it is started, its exit releases it.
    if (!isStarted) sandboxed.release()
    throw error
  } finally {
    sandboxed.close()
  }
}

/** Kills everything that was started and still runs, for all sessions. Synchronous. */
export function killAllProcesses(): void {
  killAllGroups()
}

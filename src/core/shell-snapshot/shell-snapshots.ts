/**
 * The snapshots of one session: a command that would run in a login shell runs in a shell whose state is restored from
 * the first one of its kind. So startup files run once, and what they print is not repeated.
 */
import type { EnvPolicy, ShellSnapshotRequest } from '../../protocol/schemas/process.ts'
import type { Clock } from '../base/clock.ts'
import type { Files, Host, SpawnSpec } from '../base/host.ts'
import type { Limits } from '../base/limits.ts'
import { childEnvironment, withoutDenied } from '../process/env-policy.ts'
import { runCapture } from './run-capture.ts'
import { parseState, stateBytes, withState } from './shell-state.ts'
import type { ShellState } from './shell-state.ts'
import { SNAPSHOT_SHELLS } from './shells.ts'
import type { SnapshotShell } from './shells.ts'
import { fingerprint, startupFiles } from './startup-files.ts'

/** Bytes of the snapshots of all sessions. */
export type SnapshotBudget = { bytes: number }

/** What the snapshots of a session need. */
export type SnapshotOptions = {
  host: Pick<Host, 'spawn' | 'uuid'>
  clock: Clock
  limits: Limits
  budget: SnapshotBudget
}

/** A request for a start with a snapshot, beside the start itself. */
export type SnapshotStart = {
  request: ShellSnapshotRequest
  policy: EnvPolicy | null | undefined
  /** Names of the variables that the request itself sets: they win over those of the snapshot. */
  own: Iterable<string>
  /** For looking at the startup files. */
  files: Pick<Files, 'getMetadata'>
}

type Entry = {
  /** Of the startup files; a change makes the entry obsolete. */
  readonly files: string
  tries: number
  /** When a capture that failed may be tried again; undefined while it runs, and once it has succeeded. */
  retryAt: number | undefined
  bytes: number
  state: Promise<ShellState | undefined>
}

/** Variables of the shell and the request, not of the startup files. */
const PER_COMMAND = ['PWD', 'OLDPWD', 'SHLVL', '_', 'CODEX_THREAD_ID', 'CODEX_TOOL_CALL_ID']

/** Captures, keeps and restores the state of login shells. */
export class ShellSnapshots {
  readonly #options: SnapshotOptions
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  readonly #disposed = new AbortController()

  constructor(options: SnapshotOptions) {
    this.#options = options
  }

  /**
   * Returns how to start a command of a login shell: with the state of an earlier one, which is captured now if there
   * is none; as it is if the state cannot be captured.
   */
  async prepare(spec: SpawnSpec, start: SnapshotStart): Promise<SpawnSpec> {
    const { request, policy, own, files } = start
    const shell = SNAPSHOT_SHELLS.get(request.shell.name)
    if (shell === undefined || !isLoginCommand(spec, request)) return spec
    const key = JSON.stringify([request, spec.cwd, policy, spec.sandbox], withMaps)
    if (key.length > this.#options.limits.shellSnapshotKey) return spec
    const print = await fingerprint(startupFiles(request.shell.name, spec.env), files)
    const state = await this.#entry(key, print, spec, shell, policy)?.state
    if (state === undefined) return spec
    const env = new Map(state.env)
    for (const name of [...PER_COMMAND, ...own]) {
      const value = spec.env.get(name)
      if (value === undefined) env.delete(name)
      else env.set(name, value)
    }
    return withState({ ...spec, env }, state, shell)
  }

  /** The entry of a key, with a capture under way if it needs one. Undefined if there is no room for it. */
  #entry(
    key: string,
    files: string,
    spec: SpawnSpec,
    shell: SnapshotShell,
    policy: EnvPolicy | null | undefined,
  ): Entry | undefined {
    const { clock, limits, budget } = this.#options
    if (this.#disposed.signal.aborted) return undefined
    let entry = this.#entries.get(key)
    const isObsolete = entry !== undefined && entry.files !== files
    const mayRetry =
      entry?.retryAt !== undefined && entry.tries < limits.shellSnapshotTries && clock.now() >= entry.retryAt
    if (entry === undefined || isObsolete || mayRetry) {
      const tries = isObsolete ? 0 : (entry?.tries ?? 0)
      this.#remove(key)
      if (this.#entries.size >= limits.shellSnapshots) this.#remove(this.#entries.keys().next().value)
      if (budget.bytes + limits.shellSnapshotBytes > limits.shellSnapshotsTotal) return undefined
      const made: Entry = { files, tries: tries + 1, retryAt: undefined, bytes: 0, state: Promise.resolve(undefined) }
      this.#count(made, limits.shellSnapshotBytes)
      made.state = this.#capture(spec, shell, policy).then((state) => {
        if (state === undefined) made.retryAt = clock.now() + limits.shellSnapshotRetryMs
        if (this.#entries.get(key) === made) this.#count(made, state === undefined ? 0 : stateBytes(state))
        return state
      })
      entry = made
    }
    // Behind the others, as the one used last.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  #count(entry: Entry, bytes: number): void {
    this.#options.budget.bytes += bytes - entry.bytes
    entry.bytes = bytes
  }

  #remove(key: string | undefined): void {
    const entry = key === undefined ? undefined : this.#entries.get(key)
    if (key === undefined || entry === undefined) return
    this.#entries.delete(key)
    this.#count(entry, 0)
  }

  /** Captures the state, and restores it once, so that one that cannot be restored is never used. */
  async #capture(
    spec: SpawnSpec,
    shell: SnapshotShell,
    policy: EnvPolicy | null | undefined,
  ): Promise<ShellState | undefined> {
    const { host, limits } = this.#options
    const { signal } = this.#disposed
    const bounds = { timeoutMs: limits.shellSnapshotMs, maxBytes: limits.shellSnapshotOutput }
    const { terminalSize: _, ...quiet } = { ...spec, stdin: 'closed' as const }
    const marker = `exec-server ${host.uuid()}`
    const run = { ...quiet, argv: [spec.argv[0] as string, '-lc', shell.capture(marker)] }
    try {
      const captured = await runCapture(this.#options, run, bounds, signal, (stdout) =>
        parseState(stdout, marker, shell),
      )
      if (captured === undefined || stateBytes(captured) > limits.shellSnapshotBytes) return undefined
      const state = { ...captured, env: allowed(captured.env, policy) }
      const command = [spec.argv[0] as string, '-lc', `printf %s '${marker}'`]
      const trial = withState({ ...quiet, env: new Map(state.env), argv: command }, state, shell, 'exit 1')
      return await runCapture(this.#options, trial, bounds, signal, () => state)
    } catch {
      // The command itself fails for the same reason, and tells it.
      return undefined
    }
  }

  /** Kills the captures under way and drops every snapshot. */
  dispose(): void {
    this.#disposed.abort()
    for (const key of [...this.#entries.keys()]) this.#remove(key)
  }
}

/** Whether the request is about what the snapshot is of: its shell runs a command as a login shell. */
function isLoginCommand({ argv }: SpawnSpec, { shell }: ShellSnapshotRequest): boolean {
  return argv.length >= 3 && argv[0] === shell.path && argv[1] === '-lc'
}

/** What the policy lets commands have of the variables of the startup files. */
function allowed(env: ReadonlyMap<string, string>, policy: EnvPolicy | null | undefined): ReadonlyMap<string, string> {
  return policy ? childEnvironment(env, { ...policy, inherit: 'all' }, new Map()) : withoutDenied(env)
}

function withMaps(_: string, value: unknown): unknown {
  return value instanceof Map || value instanceof Set ? [...value] : value
}

/** A command that was started through MCP: its process, its output, and its end. */
import type { Exit, RemoteProcess } from '../../client/base/types.ts'
import { messageOf } from '../../client/base/errors.ts'
import { unlessAborted } from '../../client/session/abort.ts'
import { DRAIN_MS, KILL_GRACE_MS, KILL_MARGIN_MS } from '../limits.ts'
import { OutputStore } from './output-store.ts'

export type RunState = 'running' | 'exited' | 'lost'

export type RunOptions = {
  id: string
  command: string
  cwd: string
  process: RemoteProcess
  /** Ends the command after that long. Undefined: never. */
  timeoutMs: number | undefined
  /** Whether the server can send SIGTERM first. */
  hasGrace: boolean
}

export class Run {
  readonly id: string
  readonly command: string
  readonly cwd: string
  readonly startedAtMs = Date.now()
  readonly output = new OutputStore()
  exit: Exit | undefined
  /** Why its output or its end is not known. */
  loss: string | undefined
  timedOut = false
  /** Where the last answer about its output ended. */
  cursor = 0
  readonly #process: RemoteProcess
  readonly #hasGrace: boolean
  readonly #exited: Promise<unknown>
  readonly #closed: Promise<void>

  constructor({ id, command, cwd, process, timeoutMs, hasGrace }: RunOptions) {
    this.id = id
    this.command = command
    this.cwd = cwd
    this.#process = process
    this.#hasGrace = hasGrace
    this.#closed = this.#collect()
    this.#exited = Promise.race([this.#closed, process.wait().catch(() => {})])
    if (timeoutMs === undefined) return
    const timer = setTimeout(() => {
      this.timedOut = true
      void this.terminate().catch(() => {})
    }, timeoutMs)
    void this.#exited.then(() => clearTimeout(timer))
  }

  /** Resolves when it has ended, and its output is complete. */
  get closed(): Promise<void> {
    return this.#closed
  }

  /** The screen of its terminal as text; undefined without one. Rejects if the server cannot tell. */
  async screen(signal: AbortSignal): Promise<string | undefined> {
    return (await this.#process.snapshot({ signal, maxBytes: 0 })).screen?.lines.join('\n').trimEnd()
  }

  get state(): RunState {
    if (this.exit !== undefined) return 'exited'
    return this.loss === undefined ? 'running' : 'lost'
  }

  write(text: string, signal: AbortSignal): ReturnType<RemoteProcess['write']> {
    return this.#process.write(text, { signal })
  }

  closeStdin(signal: AbortSignal): Promise<void> {
    return this.#process.closeStdin({ signal })
  }

  /** Ends the command and all that it started. Resolves when it has been asked to. */
  async terminate(): Promise<void> {
    await this.#process.terminate(this.#hasGrace ? { graceMs: KILL_GRACE_MS } : {})
  }

  /** Ends it, and waits for the end. */
  async kill(signal: AbortSignal): Promise<void> {
    await this.terminate()
    await this.settle(KILL_GRACE_MS + KILL_MARGIN_MS, signal)
  }

  /**
   * Waits until it has ended and its output is complete, at most `ms`. Children that it left behind may hold the output
   * open: they are waited for a moment only.
   */
  async settle(ms: number, signal: AbortSignal): Promise<void> {
    if (await within(ms, this.#exited, signal)) await within(Math.min(ms, DRAIN_MS), this.#closed, signal)
  }

  async #collect(): Promise<void> {
    try {
      for await (const event of this.#process.events()) {
        if (event.type === 'output') this.output.append(event.bytes)
        else if (event.type === 'exited') this.exit = { exitCode: event.exitCode, sandboxDenied: event.sandboxDenied }
        else if (event.type === 'lag' && event.lost) this.loss = 'some of the output was lost'
      }
    } catch (error) {
      this.loss = messageOf(error)
    }
  }
}

/** Whether `promise` settles within `ms`. Rejects with the signal's reason. */
async function within(ms: number, promise: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(resolve, ms, false)
  try {
    return await unlessAborted(Promise.race([promise.then(() => true), late]), signal)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * MCP over the stdin and stdout of a server that runs on a devbox, as a transport for the client of
 * `@modelcontextprotocol/sdk`.
 *
 * Closing the transport ends the server and its descendants. A recovered connection to the devbox goes unnoticed:
 * pending calls are answered.
 */
import { unlessAborted } from '../session/abort.ts'
import { DisconnectedError, messageOf } from '../base/errors.ts'
import { defaultClientLimits } from '../base/limits.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Abortable, ExecClient, RemoteProcess } from '../base/types.ts'
import { parseMessage, readOutput } from './server-output.ts'
import { serverVariables } from './server-variables.ts'
import type { ServerVariables } from './server-variables.ts'
import { shutDown, within } from './shutdown.ts'
import { clientOf } from './transport.ts'
import type { Devbox, McpMessage, McpTransport } from './transport.ts'

/** Options of {@link processTransport}. Aborting `signal` kills the server at once. */
export type ProcessTransportOptions = Abortable &
  ServerVariables & {
    /** The program, looked up in the devbox's PATH. No shell is involved. */
    command: string
    /** Its arguments. */
    args?: readonly string[] | undefined
    /** Absolute path or file: URL on the devbox. */
    cwd: string | URL
    /** Called with each line of the server's stderr. Default: stderr is discarded. */
    onStderr?: ((line: string) => void) | undefined
    /** Overrides of limits; see base/limits.ts. */
    limits?: Partial<ClientLimits> | undefined
  }

/**
 * Creates the transport. The server is started by `start`, which the SDK calls. Aborting `signal` ends it without a
 * grace period.
 *
 * `start` rejects with TypeError for invalid options, RpcError if the devbox refuses, EnvironmentUnavailableError or
 * DisconnectedError. `send` rejects with Error once the server accepts no more input. `onerror` gets fatal errors,
 * before `onclose`, and lines of stdout that are not messages, which are skipped.
 * @example
 * await mcp.connect(processTransport(client, { command: 'npx', args: ['some-server'], cwd: '/home/me' }))
 */
export function processTransport(devbox: Devbox, options: ProcessTransportOptions): McpTransport {
  return new ProcessTransport(devbox, options)
}

class ProcessTransport implements McpTransport {
  onmessage?: ((message: McpMessage) => void) | undefined
  onerror?: ((error: Error) => void) | undefined
  onclose?: (() => void) | undefined

  readonly #devbox: Devbox
  readonly #options: ProcessTransportOptions
  readonly #limits: ClientLimits
  /** Aborted to cancel a start. */
  readonly #cancelStart = new AbortController()
  /** Aborted to skip grace periods. */
  readonly #skipGrace = new AbortController()
  /** Settles when the process will emit no more events. */
  readonly #ended = Promise.withResolvers<void>()
  #starting: Promise<void> | undefined
  #running: { client: ExecClient; process: RemoteProcess } | undefined
  #closing: Promise<void> | undefined
  #shuttingDown: Promise<void> | undefined
  #isOver = false

  constructor(devbox: Devbox, options: ProcessTransportOptions) {
    this.#devbox = devbox
    this.#options = options
    this.#limits = { ...defaultClientLimits, ...options.limits }
  }

  // ---- start ----

  async start(): Promise<void> {
    if (this.#starting !== undefined) throw new Error('the transport has been started already')
    const { signal } = this.#options
    if (this.#closing !== undefined) throw new Error('the transport was closed')
    signal?.throwIfAborted()
    signal?.addEventListener('abort', this.#abort, { once: true })
    this.#starting = this.#begin()
    try {
      // #begin runs to completion even if cancelled, so that it can clean up.
      await unlessAborted(this.#starting, this.#cancelStart.signal)
    } catch (error) {
      void this.close()
      throw error
    }
  }

  async #begin(): Promise<void> {
    const { command, args = [], cwd } = this.#options
    const variables = serverVariables(this.#options)
    const client = await clientOf(this.#devbox, { signal: this.#cancelStart.signal })
    this.#cancelStart.signal.throwIfAborted()
    const process = await client.start({ argv: [command, ...args], cwd, stdin: 'pipe', ...variables })
    this.#running = { client, process }
    void this.#pump(process)
    // The start was cancelled: end the server.
    if (this.#cancelStart.signal.aborted) await this.#shutDown()
  }

  readonly #abort = (): void => {
    this.#skipGrace.abort()
    this.#cancelStart.abort(this.#options.signal?.reason)
    void this.close()
  }

  // ---- output of the server ----

  async #pump(process: RemoteProcess): Promise<void> {
    let failure: unknown
    try {
      failure = await this.#readUntilEnd(process)
    } catch (error) {
      failure = error
    }
    // Report the end before terminating leftovers, so that pending calls fail without delay.
    this.#finish(failure)
    if (!isSettled(failure)) return this.#abandon(process)
    this.#ended.resolve()
    await this.#shutDown()
  }

  /** Resolves with the error if the server ended by itself with a non-zero exit code. */
  async #readUntilEnd(process: RemoteProcess): Promise<Error | undefined> {
    const { command, onStderr } = this.#options
    const { exitCode, lastStderr } = await readOutput(process, this.#limits, {
      onLine: (line) => {
        if (!this.#isOver) this.#guard(() => this.onmessage?.(parseMessage(line)))
      },
      onStderr: (line) => this.#guard(() => onStderr?.(line)),
    })
    if (exitCode === 0 || this.#closing !== undefined) return undefined
    const why = lastStderr === '' ? '' : `: ${lastStderr}`
    return new ServerEnded(`the MCP server ${command} ended with exit code ${exitCode}${why}`)
  }

  /** Runs a callback of the user; its errors go to `onerror`. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.onerror?.(error as Error)
    }
  }

  // ---- input of the server ----

  async send(message: McpMessage): Promise<void> {
    const { process } = this.#running ?? {}
    if (process === undefined || this.#isOver || this.#closing !== undefined)
      throw new Error('the transport is not open')
    const bytes = new TextEncoder().encode(`${JSON.stringify(message)}\n`)
    let status
    try {
      status = await process.write(bytes)
    } catch (error) {
      // Part of a chunked message may have been delivered, and would corrupt whatever follows.
      if (bytes.length > this.#limits.writeChunk) this.#fail(process, error)
      throw error
    }
    if (status !== 'accepted') throw new Error(`the MCP server takes no more input (${status})`)
  }

  // ---- shutdown ----

  #fail(process: RemoteProcess, error: unknown): void {
    this.#finish(error)
    void this.#abandon(process)
  }

  #finish(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.signal?.removeEventListener('abort', this.#abort)
    if (error !== undefined) this.onerror?.(error instanceof Error ? error : new Error(messageOf(error)))
    this.onclose?.()
  }

  /** Ends a server that is of no more use. It may go on writing, so wait for its exit only. */
  async #abandon(process: RemoteProcess): Promise<void> {
    await process.terminate().catch(() => {})
    await within(process.wait(), this.#limits.mcpKillMs)
    this.#ended.resolve()
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#cancelStart.abort(new Error('the transport was closed'))
    const { mcpKillMs } = this.#limits
    if (this.#starting !== undefined) await within(this.#starting, mcpKillMs)
    await this.#shutDown()
    this.#finish(undefined)
  }

  async #shutDown(): Promise<void> {
    // If it is still starting, #begin ends it.
    if (this.#running === undefined) return
    const ended = this.#ended.promise
    await (this.#shuttingDown ??= shutDown({
      ...this.#running,
      ended,
      skipGrace: this.#skipGrace.signal,
      limits: this.#limits,
    }))
  }
}

class ServerEnded extends Error {
  override name = 'ServerEnded'
}

/** Whether the process has ended, or is unreachable for good. */
function isSettled(failure: unknown): boolean {
  return failure === undefined || failure instanceof ServerEnded || failure instanceof DisconnectedError
}

/**
 * Shuts down an MCP server as the MCP specification says: closes stdin and waits, sends SIGTERM where the server
 * supports it, then kills the process and its descendants.
 */
import type { ClientLimits } from '../base/limits.ts'
import type { ExecClient, RemoteProcess } from '../base/types.ts'

/** After the exit, wait this long for remaining output, in ms. */
const LAST_OUTPUT_MS = 100

/** Options of {@link shutDown}. */
export type ShutdownOptions = {
  client: ExecClient
  process: RemoteProcess
  /** Settles when the process has closed, or can no longer be observed. */
  ended: Promise<void>
  /** When aborted, skip the remaining grace periods. */
  skipGrace: AbortSignal
  limits: ClientLimits
}

/**
 * Resolves when the process has ended or the devbox is unreachable. In that case the kill is sent after the recovery;
 * without one the devbox terminates the session's processes itself.
 */
export async function shutDown({ client, process, ended, skipGrace, limits }: ShutdownOptions): Promise<void> {
  const { mcpEofMs, mcpTermMs, mcpKillMs } = limits
  if (client.extensions.has('closeStdin') && !skipGrace.aborted) {
    // Errors do not matter: if stdin is closed already or the connection is down, the next steps suffice.
    process.closeStdin({ signal: skipGrace }).catch(() => {})
    const exited = process.wait({ signal: skipGrace }).then(() => within(ended, LAST_OUTPUT_MS, skipGrace))
    await within(Promise.race([ended, exited]), mcpEofMs, skipGrace)
  }
  if (client.extensions.has('graceMs') && !skipGrace.aborted) {
    // Even after the exit, for descendants. The devbox follows up with the kill itself.
    const asked = process.terminate({ graceMs: mcpTermMs })
    await within(Promise.all([asked.catch(() => {}), ended]), mcpTermMs + mcpKillMs, skipGrace)
    if (!skipGrace.aborted) return
  }
  process.terminate().catch(() => {})
  await within(ended, mcpKillMs)
}

/** Whether the promise settles within `ms`, and before `signal` is aborted. */
export function within(promise: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const settleWith = (settled: boolean) => (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      resolve(settled)
    }
    const giveUp = settleWith(false)
    const timer = setTimeout(giveUp, ms)
    signal?.addEventListener('abort', giveUp, { once: true })
    if (signal?.aborted === true) giveUp()
    promise.then(settleWith(true), settleWith(true))
  })
}

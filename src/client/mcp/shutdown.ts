/**
 * Shuts down an MCP server as the MCP specification says: closes stdin and waits, sends SIGTERM where the server
 * supports it, then kills the process and its descendants.
 */
import type { ClientLimits } from '../base/limits.ts'
import type { ExecClient, RemoteProcess } from '../base/types.ts'

/** After the exit, wait this long for remaining output, in ms. */
const REST_MS = 100

/** Options of {@link shutDown}. */
export type ShutdownOptions = {
  client: ExecClient
  process: RemoteProcess
  /** Settles when the process has closed, or can no longer be observed. */
  ended: Promise<void>
  /** When aborted, skip the remaining grace periods. */
  hurry: AbortSignal
  limits: ClientLimits
}

/**
 * Resolves when the process has ended or the devbox is unreachable. In that case the kill is sent after the recovery;
 * without one the devbox terminates the session's processes itself.
 */
export async function shutDown({ client, process, ended, hurry, limits }: ShutdownOptions): Promise<void> {
  const { mcpEofMs, mcpTermMs, mcpKillMs } = limits
  if (client.extensions.has('closeStdin') && !hurry.aborted) {
    // Errors do not matter: if stdin is closed already or the connection is down, the next steps suffice.
    process.closeStdin({ signal: hurry }).catch(() => {})
    const exited = process.wait({ signal: hurry }).then(() => within(ended, REST_MS, hurry))
    await within(Promise.race([ended, exited]), mcpEofMs, hurry)
  }
  if (client.extensions.has('graceMs') && !hurry.aborted) {
    // Even after the exit, for descendants. The devbox follows up with the kill itself.
    const asked = process.terminate({ graceMs: mcpTermMs })
    await within(Promise.all([asked.catch(() => {}), ended]), mcpTermMs + mcpKillMs, hurry)
    if (!hurry.aborted) return
  }
  process.terminate().catch(() => {})
  await within(ended, mcpKillMs)
}

/** Whether the promise settles within `ms`, and before `hurry` is aborted. */
export function within(promise: Promise<unknown>, ms: number, hurry?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const give = (settled: boolean) => (): void => {
      clearTimeout(timer)
      hurry?.removeEventListener('abort', late)
      resolve(settled)
    }
    const late = give(false)
    const timer = setTimeout(late, ms)
    hurry?.addEventListener('abort', late, { once: true })
    if (hurry?.aborted === true) late()
    promise.then(give(true), give(true))
  })
}

/**
 * The end of an MCP server, as the MCP specification has it: an end of file, by which it may end by itself; a request to end, where
 * the devbox can make one; and then a kill, of all that it has started.
 */
import type { ClientLimits } from '../base/limits.ts'
import type { ExecClient, RemoteProcess } from '../base/types.ts'

/** What is left of a server that has exited is only waited for if it still comes in. */
const REST_MS = 100

export type ShutdownOptions = {
  client: ExecClient
  process: RemoteProcess
  /** Settles when the process has closed, or nothing of it can be known any more. */
  ended: Promise<void>
  /** Whoever is in a hurry: no more time is given. */
  hurry: AbortSignal
  limits: ClientLimits
}

/** Settles when it has ended, or cannot be reached: the devbox is told as soon as it is back, and ends it by itself if that never is. */
export async function shutDown({ client, process, ended, hurry, limits }: ShutdownOptions): Promise<void> {
  const { mcpEofMs, mcpTermMs, mcpKillMs } = limits
  if (client.extensions.has('closeStdin') && !hurry.aborted) {
    // Where it cannot be closed, because it is already or because of the connection, what follows does as well.
    process.closeStdin({ signal: hurry }).catch(() => {})
    const exited = process.wait({ signal: hurry }).then(() => within(ended, REST_MS, hurry))
    await within(Promise.race([ended, exited]), mcpEofMs, hurry)
  }
  if (client.extensions.has('graceMs') && !hurry.aborted) {
    // Also of one that has ended, for what it has left behind. The kill that follows is the devbox's affair.
    const asked = process.terminate({ graceMs: mcpTermMs })
    await within(Promise.all([asked.catch(() => {}), ended]), mcpTermMs + mcpKillMs, hurry)
    if (!hurry.aborted) return
  }
  process.terminate().catch(() => {})
  await within(ended, mcpKillMs)
}

/** Whether something has settled in so many milliseconds, and before anybody is in a hurry. */
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

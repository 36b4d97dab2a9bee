/** Runs a short command of the server's own, for what it prints. */
import { joined } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import type { ChildEvents, Host, SpawnSpec } from '../base/host.ts'

/** How long the command may take, and how much it may print. */
export type CaptureBounds = { timeoutMs: number; maxBytes: number }

/**
 * Returns what `read` makes of stdout once the command has exited with 0. Undefined if it fails, takes too long or
 * prints too much, or `signal` is aborted: then all that it started is killed. What a successful command leaves in the
 * background goes on.
 * @throws what the host's spawn throws
 */
export async function runCapture<T>(
  { host, clock }: { host: Pick<Host, 'spawn'>; clock: Clock },
  spec: SpawnSpec,
  { timeoutMs, maxBytes }: CaptureBounds,
  signal: AbortSignal,
  read: (stdout: Uint8Array) => T | undefined,
): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<T | undefined>()
  const fail = (): void => resolve(undefined)
  const chunks: Uint8Array[] = []
  let bytes = 0
  let printed = 0
  let code: number | undefined
  let hasEnded = false
  const look = (): void => {
    if (code === undefined) return
    if (code !== 0) return fail()
    // A background process may hold the output open: what is whole is not waited for.
    const result = read(joined(chunks, printed))
    if (result !== undefined || hasEnded) resolve(result)
  }
  const events: ChildEvents = {
    output(stream, chunk) {
      bytes += chunk.length
      if (bytes > maxBytes) return fail()
      if (stream === 'stderr') return
      chunks.push(new Uint8Array(chunk))
      printed += chunk.length
      look()
    },
    exited(status) {
      code = status
      look()
    },
    ended() {
      hasEnded = true
      look()
    },
    stdinMoved() {},
  }
  if (signal.aborted) return undefined
  const child = await host.spawn(spec, events)
  const cancel = clock.after(timeoutMs, fail)
  signal.addEventListener('abort', fail)
  if (signal.aborted) fail()
  const result = await promise
  cancel()
  signal.removeEventListener('abort', fail)
  if (result === undefined) child.kill()
  child.abandon()
  child.forget()
  return result
}

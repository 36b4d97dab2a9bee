/** Forwards the signals that we receive to the remote process. */
import process from 'node:process'
import { withoutIgnored } from '../../../base/own-process.ts'
import { unblockSigusr1 } from '../../../host/ffi/libc.ts'
import type { ExecClient, RemoteProcess, SignalName } from '../../../client/base/types.ts'

const PASSED_ON = {
  SIGINT: 'interrupt',
  SIGTERM: 'terminate',
  SIGHUP: 'hangup',
  SIGQUIT: 'quit',
  SIGUSR1: 'user1',
  SIGUSR2: 'user2',
} as const satisfies Partial<Record<NodeJS.Signals, SignalName>>

/** A signal that is forwarded. */
export type ForwardedSignal = keyof typeof PASSED_ON

export type SignalOptions = {
  client: ExecClient
  /** The process; signals received before it has started are queued. */
  process: Promise<RemoteProcess>
  /** Called before we stop, and when we continue, to switch our terminal's mode. */
  onStop?: () => void
  onContinue?: () => void
  /** Whether the remote process stops and continues with us. */
  stopsProcess: boolean
  /** Called before each signal is forwarded; return true to suppress it. */
  onSignal?: (name: ForwardedSignal) => boolean
}

/** Starts forwarding. Returns a function that removes the handlers. */
export function forwardSignals({
  client,
  process: remote,
  onStop,
  onContinue,
  stopsProcess,
  onSignal,
}: SignalOptions): () => void {
  const send = async (name: SignalName): Promise<void> => {
    const handle = await remote
    if (client.extensions.has('signals')) return handle.signal(name)
    if (name === 'stop' || name === 'continue') return
    // Without the extension, terminate the process, as most of these signals would.
    if (name === 'interrupt') return handle.signal(name).catch(() => void handle.terminate())
    await handle.terminate()
  }
  // Send in order. A failure means that the process has ended, or that the connection was lost, reported elsewhere.
  let sending: Promise<unknown> = Promise.resolve()
  const pass = (name: SignalName): Promise<unknown> => (sending = sending.then(() => send(name)).catch(() => {}))

  const forwarded = withoutIgnored(Object.keys(PASSED_ON) as ForwardedSignal[])
  const handlers: [NodeJS.Signals, () => void][] = forwarded.map((signal) => [
    signal,
    () => {
      if (onSignal?.(signal) !== true) void pass(PASSED_ON[signal])
    },
  ])
  handlers.push([
    'SIGTSTP',
    async () => {
      onStop?.()
      if (stopsProcess && client.state === 'connected') await pass('stop')
      process.kill(process.pid, 'SIGSTOP')
    },
  ])
  handlers.push([
    'SIGCONT',
    () => {
      onContinue?.()
      if (stopsProcess) void pass('continue')
    },
  ])
  for (const [signal, handle] of handlers) process.on(signal, handle)
  unblockSigusr1()
  return () => {
    for (const [signal, handle] of handlers) process.off(signal, handle)
  }
}

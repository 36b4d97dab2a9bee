/** Signals that we get, for the process. */
import process from 'node:process'
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

export type PassedOn = keyof typeof PASSED_ON

export type SignalOptions = {
  client: ExecClient
  /** Signals that come before it is there wait for it. */
  process: Promise<RemoteProcess>
  /** Before we stop, and when we go on: for our terminal. */
  onStop?: () => void
  onContinue?: () => void
  /** Whether the process stops when we do. */
  stopsProcess: boolean
  /** Called at each signal before it is passed on; true if that is not to be. */
  onSignal?: (name: PassedOn) => boolean
}

/** Until the returned function is called. */
export function passSignalsOn({
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
    // What such a server cannot do ends the process at the least, as most of these signals would.
    if (name === 'interrupt') return handle.signal(name).catch(() => void handle.terminate())
    await handle.terminate()
  }
  // In the order they came. One that cannot be sent is for a process that has ended, or a connection whose end is told elsewhere.
  let sending: Promise<unknown> = Promise.resolve()
  const pass = (name: SignalName): Promise<unknown> => (sending = sending.then(() => send(name)).catch(() => {}))

  const handlers: [NodeJS.Signals, () => void][] = Object.entries(PASSED_ON).map(([signal, name]) => [
    signal as PassedOn,
    () => {
      if (onSignal?.(signal as PassedOn) !== true) void pass(name)
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

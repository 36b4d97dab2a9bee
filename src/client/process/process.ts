/** The handle of a process. */
import { Method } from '../../protocol/wire/methods.ts'
import { unlessAborted } from '../session/abort.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { ProcessEvents } from './process-events.ts'
import { ProcessInput } from './process-input.ts'
import { collectOutput, outputStreams } from './process-output.ts'
import type { OutputStreams } from './process-output.ts'
import type { Abortable, ProcessEvent, RemoteProcess, SignalName, TerminalSize } from '../base/types.ts'
import { call } from '../session/unsupported.ts'
import { snapshot, waitForExit } from './runs.ts'

/** Options of {@link processHandle}. */
export type HandleOptions = {
  id: string
  rpc: RpcClient
  limits: ClientLimits
  events: ProcessEvents
  isTerminal: boolean
  sandboxType: string | undefined
  /** Whether it belongs to the server, so that disposing of the handle leaves it alone. */
  isDetached?: boolean
}

/** Creates the public handle of a process. */
export function processHandle({
  id,
  rpc,
  limits,
  events,
  isTerminal,
  sandboxType,
  isDetached = false,
}: HandleOptions): RemoteProcess {
  const input = new ProcessInput({ id, rpc, limits, isTerminal })
  let stdin: WritableStream<Uint8Array> | undefined
  let outputs: OutputStreams | undefined
  const streams = (): OutputStreams => (outputs ??= outputStreams(handle, limits.replayBytes))

  const terminate = async ({ signal, graceMs }: Abortable & { graceMs?: number } = {}): Promise<boolean> => {
    const params = { processId: id, ...(graceMs === undefined ? {} : { graceMs }) }
    const { running } = await rpc.call<{ running: boolean }>(Method.ProcessTerminate, params, {
      signal,
      repeatable: true,
      urgent: true,
    })
    return running
  }
  const handle: RemoteProcess = {
    id,
    sandboxType,
    events: (options) => events.iterate(options) as AsyncIterableIterator<ProcessEvent>,
    [Symbol.asyncIterator]: () => events.iterate() as AsyncIterableIterator<ProcessEvent>,
    read: (options) => events.read(options),
    snapshot: async (options) => snapshot(rpc, { processId: id }, options),
    write: (bytes, options) => input.write(bytes, options),
    closeStdin: (options) => input.end(options),
    resize: async ({ rows, columns }: TerminalSize, { signal } = {}) => {
      if (!rpc.extensions.has('resize')) throw new UnsupportedError('this server cannot resize a terminal')
      await rpc.call(Method.ProcessResize, { processId: id, rows, columns }, { signal, repeatable: true })
    },
    signal: async (name: SignalName = 'interrupt', { signal } = {}) => {
      if (name !== 'interrupt' && !rpc.extensions.has('signals'))
        throw new UnsupportedError(`this server cannot send the signal \`${name}\``)
      await call(rpc, Method.ProcessSignal, { processId: id, signal: name }, { signal })
    },
    terminate,
    wait: ({ signal } = {}) =>
      events.isForeign && rpc.extensions.has('wait')
        ? waitForExit(rpc, { processId: id }, signal)
        : unlessAborted(events.wait(), signal),
    output: ({ signal, maxBytes = limits.gatheredOutput } = {}) => collectOutput(handle, { signal, maxBytes }),
    get stdin() {
      return (stdin ??= input.stream())
    },
    get stdout() {
      return streams().stdout
    },
    get stderr() {
      return streams().stderr
    },
    [Symbol.asyncDispose]: async () => {
      if (isDetached) return
      // If the connection is gone for good, the server terminates the session's processes itself.
      if (!events.isOver) await terminate().catch(() => {})
    },
  }
  return handle
}

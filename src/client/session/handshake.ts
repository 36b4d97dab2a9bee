/** Opens a connection and performs the handshake. */
import { Method } from '../../protocol/wire/methods.ts'
import { ConnectError, DisconnectedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { Connector } from '../transports/transport.ts'
import { deadline } from './abort.ts'
import type { Connection } from './connection.ts'
import { callDirectly } from './direct-call.ts'

/** Options of {@link openConnection}. */
export type HandshakeOptions = {
  connector: Connector
  limits: ClientLimits
  clientName: string
  /** The session to resume; null for a new one. */
  resumeSessionId: string | null
  /** Called with the result of `initialize`. If it throws, the handshake fails. */
  onInitialized: (result: unknown) => void
  signal: AbortSignal
}

/**
 * Opens `connection`. On failure it is closed. Also rejects with the signal's reason.
 * @throws {ConnectError} If it cannot be opened, or the server does not answer in time.
 * @throws {RpcError} If the server refuses the handshake.
 */
export async function openConnection(connection: Connection, options: HandshakeOptions): Promise<void> {
  const { connector, limits, clientName, resumeSessionId, onInitialized, signal } = options
  const opening = deadline(
    limits.connectMs,
    () => timedOut(`connecting to ${connector.name} took more than ${limits.connectMs} ms`),
    signal,
  )
  try {
    connection.opened(await connector.open(connection, opening.signal))
  } finally {
    opening.done()
  }
  const noAnswer = (): Error =>
    timedOut(`${connector.name} did not answer the handshake within ${limits.initializeMs} ms`)
  const handshake = deadline(limits.initializeMs, noAnswer, signal)
  try {
    const params = { clientName, resumeSessionId }
    onInitialized(await callDirectly(connection, Method.Initialize, params, handshake.signal))
    connection.notify(Method.Initialized, {})
  } catch (error) {
    await connection.close()
    if (!(error instanceof DisconnectedError)) throw error
    throw new ConnectError(`${connector.name} ended the connection during the handshake: ${error.reason}`, {
      isTransient: true,
    })
  } finally {
    handshake.done()
  }
}

const timedOut = (message: string): ConnectError => new ConnectError(message, { isTransient: true })

/** The transport interface: what carries messages to a server and back. Implementations are in this folder. */

import type { ClientMessage } from './client-message.ts'

/** Events of a transport. Nothing follows `closed`. */
export type TransportEvents = {
  /** A message arrived. */
  message(text: string): void
  /** A message arrived as a value, with bytes in place of base64. It belongs to the client. */
  value(message: unknown): void
  /** Anything arrived, even a pong. */
  alive(): void
  /** Called once when the transport is gone, with the reason. */
  closed(reason: string): void
}

/** Queues a message: JSON text, or a value, which is copied at once. */
type Carrier =
  | { send(text: string): void; sendValue?: undefined }
  | { sendValue(message: ClientMessage): void; send?: undefined }

/** An open transport. */
export type Transport = Carrier & {
  /**
   * Requests a sign of life, reported as `alive`. Absent if the peer cannot vanish unnoticed, or the transport has no
   * pings.
   */
  ping?(): void
  /** Pauses and resumes reading. Absent if unsupported. */
  pause?(): void
  resume?(): void
  /**
   * Closes it; `closed` may or may not follow. Resolves when everything has ended, including a server spawned for it.
   */
  close(): Promise<void>
}

/** Opens transports to one server. */
export type Connector = {
  /** Name for messages, without secrets: `ws://127.0.0.1:4600`. */
  readonly name: string
  /** Whether a lost connection can be re-established and the session resumed. */
  readonly recovers: boolean
  /** Whether the peer can vanish unnoticed, so that it must be pinged. */
  readonly canVanish: boolean
  /**
   * Opens a transport. `signal` cancels it and leaves nothing behind.
   * @throws {ConnectError} If that fails.
   */
  open(events: TransportEvents, signal: AbortSignal): Promise<Transport>
}

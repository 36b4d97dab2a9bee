/** What a connection needs from its transport, e.g. a WebSocket or stdio. */
import type { RawJson } from './json-fragments.ts'

/** Sends messages as JSON text. */
export type Transport = BaseTransport & {
  /**
   * Queues a message. One of at most WRITTEN_AT_ONCE_BYTES has been written down when it returns: the memory of a chunk of
   * output is used again.
   */
  send(message: string | RawJson): void
}

/** A message of the server as a value. Bytes are in place of base64. */
export type ServerMessage =
  | { id: number; result: unknown }
  | { id: number; error: { code: number; message: string } }
  | { method: string; params: unknown }

/** Sends messages as values, to a client in this program. */
export type ValueTransport = BaseTransport & {
  /** Queues a message, which belongs to the client from then on. `bytes`: how many count as queued until it is read. */
  sendValue(message: ServerMessage, bytes: number): void
}

/** What all transports have: they report how many bytes are queued. */
type BaseTransport = {
  /**
   * Description of its messages, for parse errors: `websocket JSON-RPC message from exec-server websocket
   * 127.0.0.1:40000`.
   */
  readonly source: string
  /** Remote address, e.g. `127.0.0.1:40000`, or the kind of transport. */
  readonly peer: string
  /** Bytes queued that the operating system has not accepted yet. */
  queued(): number
  /** Stops passing messages to the connection, until `resumeInput`. */
  pauseInput(): void
  resumeInput(): void
  /** Pings the peer; if no response comes soon, the connection is gone. Absent where a dead peer shows at once. */
  probe?(): void
  /** Closes once everything queued has been sent. */
  close(code: CloseCode, reason: string): void
}

/** WebSocket close codes; other transports just close. */
export const CloseCode = {
  GoingAway: 1001,
  ProtocolError: 1002,
  TooBig: 1009,
  TryAgainLater: 1013,
} as const
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode]

/** What a connection needs from its transport, e.g. a WebSocket or stdio. */
import type { RawJson } from './json-fragments.ts'

/** Sends messages and reports how many bytes are queued. */
export type Transport = {
  /**
   * Description of its messages, for parse errors: `websocket JSON-RPC message from exec-server websocket
   * 127.0.0.1:40000`.
   */
  readonly source: string
  /** Remote address, e.g. `127.0.0.1:40000`, or the kind of transport. */
  readonly peer: string
  /** Queues a message. */
  send(message: string | RawJson): void
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

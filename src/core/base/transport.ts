/** What a door gives a connection to answer through. */
import type { RawJson } from './json-fragments.ts'

export type Transport = {
  /** What could not be read and from whom, for error messages: `websocket JSON-RPC message from exec-server websocket 127.0.0.1:40000`. */
  readonly source: string
  /** Who is at the other end: `127.0.0.1:40000`, or the kind of door. */
  readonly peer: string
  /** Queues a message. */
  send(message: string | RawJson): void
  /** Bytes queued and not yet taken by the operating system. */
  queued(): number
  /** Stops and goes on handing messages to the connection. */
  pauseInput(): void
  resumeInput(): void
  /** Asks the other end for a sign of life; where none comes soon the connection is gone. Absent where its end shows at once. */
  probe?(): void
  /** Closes once everything queued has been sent. */
  close(code: CloseCode, reason: string): void
}

/** WebSocket close codes; other transports just close. */
export const CloseCode = {
  GoingAway: 1001,
  ProtocolError: 1002,
  TooBig: 1009,
} as const
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode]

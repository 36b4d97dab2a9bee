/** What carries messages to a server and back, whatever it is made of. The transports stand in `transports/`. */

/** What a wire tells. Nothing follows `closed`. */
export type WireEvents = {
  /** One message. */
  message(text: string): void
  /** Something came, be it only a pong. */
  alive(): void
  /** Once: the wire is gone, and why. */
  closed(reason: string): void
}

export type Wire = {
  /** Queues a message. */
  send(text: string): void
  /** Asks for a sign of life, which comes as `alive`. Absent: nobody can vanish without a word here, or the wire has no such thing. */
  ping?(): void
  /** Stops and goes on reading. Absent: cannot be done. */
  pause?(): void
  resume?(): void
  /** Ends it. `closed` may or may not follow. Settles when nothing is left of it, the server that was started for it included. */
  close(): Promise<void>
}

/** A way to a server. */
export type Connector = {
  /** For messages, without secrets: `ws://127.0.0.1:4600`. */
  readonly name: string
  /** Whether a lost connection can be made anew and the session resumed. */
  readonly recovers: boolean
  /** Whether a peer can vanish without the wire's noticing, so that it must be asked for signs of life. */
  readonly canVanish: boolean
  /** Throws ConnectError; `signal` gives it up, with nothing left behind. */
  open(events: WireEvents, signal: AbortSignal): Promise<Wire>
}

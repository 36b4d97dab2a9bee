/** What the core needs of the machine for network connections. */
import type { NetAddress, NetTarget } from '../../protocol/schemas/net.ts'

/** An open connection. Nothing is read from the peer but by `read`. */
export type NetSocket = {
  /** The other end; undefined for unix sockets. */
  readonly remote: NetAddress | undefined
  /**
   * Reads the next bytes; undefined once the peer has ended its side.
   * @throws Error with the reason if the connection breaks off
   */
  read(): Promise<Uint8Array | undefined>
  /** Writes behind what was written before. Calls `done` when the system has taken the bytes, not if that fails. */
  write(bytes: Uint8Array, done: () => void): void
  /** Ends this side behind what was written. */
  end(): void
  /** Gives the connection up, both ways: the peer sees it reset. Does nothing once it is closed. */
  close(): void
  /** Settles when both sides have ended or the connection broke off: then with the error. Never rejects. */
  readonly closed: Promise<Error | undefined>
}

/** A listener. */
export type NetListener = {
  /** Where it listens; undefined for unix sockets. */
  readonly local: NetAddress | undefined
  /** Accepts no more. What was accepted stays open. Removes a unix socket. */
  close(): void
}

/** A port that is listened on. */
export type PortHolder = {
  address: string
  port: number
  uid: number
  /** Name of that user, if it has one. */
  user: string | undefined
  /** Undefined where it cannot be seen: another user's, for example. `ancestors`: pids from the parent upwards. */
  process: { pid: number; ancestors: number[]; argv: string[]; startedAtMs: number } | undefined
}

/** Network connections of this machine. Failures are thrown as RpcError. */
export type NetHost = {
  /** Whether clients may use it at all. */
  readonly isOffered: boolean
  /**
   * Opens a connection. `signal` gives up.
   * @throws -32600 for a target that is not allowed, -32603 for one that cannot be reached
   */
  connect(target: NetTarget, signal: AbortSignal): Promise<NetSocket>
  /**
   * Listens, and calls `accept` with each connection.
   * @throws -32600 for an address that is not allowed, -32603 for one that cannot be used
   */
  listen(target: NetTarget, accept: (socket: NetSocket) => void): Promise<NetListener>
  /** Lists the ports that are listened on; undefined where the system does not tell. */
  readonly ports: (() => Promise<PortHolder[]>) | undefined
}

/** Schemas of the extensions `netConnect` and `netListen`: network connections that the executor makes or accepts. */
import * as v from 'valibot'
import { base64, optional, path, u64 } from './schema-primitives.ts'

/** Characters of an id that a client chooses. Ours have some 20. */
const MAX_ID = 64

/** Characters of a host name in DNS; those of an IPv6 address with its zone are fewer. */
const MAX_HOST = 255

const id = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(MAX_ID, 'is too long'))
const port = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(65_535))
const host = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(MAX_HOST, 'is too long'))

/** Flow control window, in unacknowledged bytes of net/data. Once it is full, the peer is not read. */
const window = v.pipe(u64, v.integer(), v.minValue(1))

/** Where to connect to, or to listen: a host name or IP address with a port, or a unix socket. */
export type NetTarget = { host: string; port: number } | { path: string }

type GivenTarget = {
  host?: string | null | undefined
  port?: number | null | undefined
  path?: string | null | undefined
}

/** The host that is meant where only a port is given. */
const DEFAULT_HOST = 'localhost'

/** Whether exactly one of `port` and `path` is there, and `host` only with a port. */
function isTarget({ host, port, path }: GivenTarget): boolean {
  const hasPath = typeof path === 'string'
  return (typeof port === 'number') !== hasPath && !(hasPath && typeof host === 'string')
}

const NO_TARGET = 'expected either `port`, with or without `host`, or `path`'

/** The target of decoded params. */
export const targetOf = ({ host, port, path }: GivenTarget): NetTarget =>
  typeof path === 'string' ? { path } : { host: host ?? DEFAULT_HOST, port: port ?? 0 }

/** Params of net/connect. */
export const NetConnectParams = v.pipe(
  v.object({
    /** The client's id for the connection. */
    connectionId: id,
    host: optional(host),
    port: optional(port(1)),
    path: optional(path),
    window,
    /** Time limit for connecting, in ms. */
    timeoutMs: optional(u64),
  }),
  v.check((target) => isTarget(target), NO_TARGET),
)
/** Decoded params of net/connect. */
export type NetConnectParams = v.InferOutput<typeof NetConnectParams>

/** Params of net/listen. */
export const NetListenParams = v.pipe(
  v.object({
    /** The client's id for the listener. */
    listenerId: id,
    host: optional(host),
    /** 0: a free one. */
    port: optional(port(0)),
    path: optional(path),
    /** Of each accepted connection. */
    window,
  }),
  v.check((target) => isTarget(target), NO_TARGET),
)
/** Decoded params of net/listen. */
export type NetListenParams = v.InferOutput<typeof NetListenParams>

/** Params of net/write. The client keeps within the window that it was given. */
export const NetWriteParams = v.object({ connectionId: v.string(), chunk: base64 })

/** Params of net/acknowledge: the client has consumed the data up to and including `seq`. */
export const NetAcknowledgeParams = v.object({ connectionId: v.string(), seq: u64 })

/** Params of net/end (no more will be written) and net/close (the connection is given up). */
export const NetConnectionParams = v.object({ connectionId: v.string() })

/** Params of net/unlisten. */
export const NetUnlistenParams = v.object({ listenerId: v.string() })

/** One end of a connection. For unix sockets null stands in its place. */
export type NetAddress = { address: string; port: number }

/** The client's side of flow control: what may be written before net/written says that the peer has taken it. */
export type WriteWindow = {
  /** Bytes that may be written and not taken. */
  window: number
  /** Writes of any size, likewise. */
  maxWrites: number
}

/** Result of net/connect. */
export type NetConnectResult = WriteWindow & { remote: NetAddress | null }

/** Result of net/listen. */
export type NetListenResult = { local: NetAddress | null }

/** A port that is listened on, in the result of net/ports. */
export type ListeningPort = NetAddress & {
  uid: number
  /** Name of that user. */
  user: string | null
  /** The process; null, as all below, where it cannot be seen: another user's, for example. */
  pid: number | null
  /** Long texts are truncated and marked as such. */
  argv: string[] | null
  /** When the process started, in milliseconds since the epoch. */
  startedAtMs: number | null
  /** The run of this server that it belongs to. */
  run: number | null
}

/** Result of net/ports. */
export type PortsResult = { ports: ListeningPort[] }

/** Params of the notification net/accepted. The server chooses the connection's id. */
export type NetAccepted = WriteWindow & { listenerId: string; connectionId: string; remote: NetAddress | null }

/** Params of the notification net/written: the peer has taken the writes up to and including number `seq`, from 1. */
export type NetWritten = { connectionId: string; seq: number }

/** Params of the notification net/closed, the last one of a connection. `error` says why, if it broke off. */
export type NetClosed = { connectionId: string; error: string | null }

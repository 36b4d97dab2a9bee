/**
 * Every use of what Node and `ws` do not document. Each may disappear with an update: it is looked up where it is used,
 * checked at start-up, and what it served is lost without it, nothing else.
 */
import type { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import process from 'node:process'
import { Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import v8 from 'node:v8'
import vm from 'node:vm'
import { isDeno } from '../base/runtime.ts'

/** Something undocumented that this program uses: whether it is there, and what is lost without it. */
export type Internal = { name: string; isPresent: boolean; lost: string }

function handleOf(stream: object): object | undefined {
  const handle: unknown = Reflect.get(stream, '_handle')
  return typeof handle === 'object' && handle !== null ? handle : undefined
}

function numberOf(stream: object, member: string): number | undefined {
  const handle = handleOf(stream)
  const value: unknown = handle === undefined ? undefined : Reflect.get(handle, member)
  return typeof value === 'number' ? value : undefined
}

/**
 * Bytes that the operating system has not accepted yet, from libuv's write queue: the stream itself reports only
 * completed writes. Always 0 on Deno, which has no such counter; there a peer that reads a large write slowly can
 * be mistaken for a dead one.
 */
export function pendingWriteBytes(socket: object): number {
  return numberOf(socket, 'writeQueueSize') ?? 0
}

/**
 * Bytes that the operating system has accepted from a socket so far. It accepts some of what is pending only when its peer
 * has taken some. Always 0 on Deno.
 */
export function acceptedBytes(socket: object): number {
  return (numberOf(socket, 'bytesWritten') ?? 0) - pendingWriteBytes(socket)
}

/** The file descriptor of a socket; undefined if it is closed, or the runtime does not tell. */
export function descriptorOf(socket: object): number | undefined {
  const fd = numberOf(socket, 'fd')
  return fd === undefined || fd < 0 ? undefined : fd
}

/** Makes writes to a pipe or terminal wait for its reader, or not. Returns whether the runtime can. */
export function setBlocking(stream: object, isBlocking: boolean): boolean {
  const handle = handleOf(stream)
  const set: unknown = handle === undefined ? undefined : Reflect.get(handle, 'setBlocking')
  if (handle === undefined || typeof set !== 'function') return false
  Reflect.apply(set, handle, [isBlocking])
  return true
}

/**
 * Puts `rewrite` between a socket and its readers until it returns its last bytes. It is called with null at the end of
 * the connection. A socket hands what it reads to its own method `push`: without that, readers get the bytes as they
 * came. Does nothing on Deno, whose HTTP client reads sockets by other means.
 */
export function rewriteReads(
  socket: Duplex,
  rewrite: (chunk: Buffer | null) => { bytes: Buffer; isLast: boolean },
): void {
  if (isDeno) return
  socket.push = (chunk: Buffer | null): boolean => {
    const { bytes, isLast } = rewrite(chunk)
    if (isLast) Reflect.deleteProperty(socket, 'push')
    const wantsMore = bytes.length === 0 || Readable.prototype.push.call(socket, bytes)
    return chunk === null ? Readable.prototype.push.call(socket, null) : wantsMore
  }
}

/** Checks that a socket takes its method `push` from the streams. */
export function checkReads(): Internal[] {
  const isPresent = isDeno || Reflect.get(Socket.prototype, 'push') === Readable.prototype.push
  const lost = 'http/request refuses responses with bare line feeds, or with the same content-length twice'
  return [{ name: 'net.Socket push', isPresent, lost }]
}

/**
 * Checks what is used of a socket's handle, on a socket or server that is open. On Deno a socket has a write queue but
 * no counter of it, and only the handles of unix sockets have a descriptor.
 */
export function checkHandle(open: object): Internal[] {
  if (isDeno) return []
  return [
    {
      name: '_handle.writeQueueSize',
      isPresent: numberOf(open, 'writeQueueSize') !== undefined && numberOf(open, 'bytesWritten') !== undefined,
      lost: 'a peer that reads a large message slowly may be taken for a dead one',
    },
    {
      name: '_handle.fd',
      isPresent: process.platform !== 'linux' || numberOf(open, 'fd') !== undefined,
      lost: 'a unix socket refuses every client, as its user is not known',
    },
  ]
}

/** Checks what keeps a stopped terminal from blocking this process. */
export function checkSetBlocking(terminal: object): Internal[] {
  if (isDeno) return []
  const handle = handleOf(terminal)
  const isPresent = handle !== undefined && typeof Reflect.get(handle, 'setBlocking') === 'function'
  return [{ name: '_handle.setBlocking', isPresent, lost: 'a stopped terminal (Ctrl-S) blocks what writes to it' }]
}

/** The parser of a WebSocket's frames, as far as it is used. */
export type FrameReceiver = {
  _state: number
  _bufferedBytes: number
  _payloadLength: number
  /** Of the message so far, without the current frame. */
  _totalPayloadLength: number
  _opcode: number
  /** What has arrived and is not consumed yet. */
  _buffers: Buffer[]
  /** Of the current frame; undefined if it has none. */
  _mask: Buffer | undefined
  /** Whether the current frame is the last of its message. */
  _fin: boolean
  /** Whether the loop goes on. */
  _loop: boolean
  /** Payloads of the message so far, their length and number. */
  _fragments: Buffer[]
  _messageLength: number
  _numFragments: number
  /** Opcode of the message, if it has more frames to come; else 0. */
  _fragmented: number
  startLoop(done: (error?: Error) => void): void
  getInfo(done: (error?: Error) => void): void
  haveLength(done: (error?: Error) => void): void
  getData(done: (error?: Error) => void): void
  dataMessage(done: (error?: Error) => void): void
  /** Takes so many bytes of what has arrived. */
  consume(length: number): Buffer
  createError(kind: ErrorConstructor, message: string, prefix: boolean, status: number, code: string): Error
}

function isReceiver(value: unknown): value is FrameReceiver {
  if (typeof value !== 'object' || value === null) return false
  const typeOf = (member: string): string => typeof Reflect.get(value, member)
  return (
    RECEIVER_NUMBERS.every((member) => typeOf(member) === 'number') &&
    RECEIVER_FLAGS.every((member) => typeOf(member) === 'boolean') &&
    RECEIVER_LISTS.every((member) => Array.isArray(Reflect.get(value, member))) &&
    RECEIVER_METHODS.every((member) => typeOf(member) === 'function')
  )
}

const RECEIVER_NUMBERS = [
  '_state',
  '_bufferedBytes',
  '_payloadLength',
  '_totalPayloadLength',
  '_messageLength',
  '_numFragments',
  '_fragmented',
  '_opcode',
]
const RECEIVER_FLAGS = ['_fin', '_loop']
const RECEIVER_LISTS = ['_buffers', '_fragments']
const RECEIVER_METHODS = ['startLoop', 'getInfo', 'haveLength', 'getData', 'dataMessage', 'consume', 'createError']

/** States of the parser: before a frame, in its payload, and waiting until it is started again. */
export const ReceiverState = { BeforeFrame: 0, Payload: 4, Deferred: 6 } as const

/** The frame parser of an open WebSocket of `ws`; undefined if this version has another. */
export function receiverOf(websocket: object): FrameReceiver | undefined {
  const receiver: unknown = Reflect.get(websocket, '_receiver')
  return isReceiver(receiver) ? receiver : undefined
}

/** Checks the frame parser. Takes the module `ws`, which exports it without documenting it. */
export function checkReceiver(ws: object): Internal[] {
  const Receiver: unknown = Reflect.get(ws, 'Receiver')
  const isPresent = typeof Receiver === 'function' && isReceiver(Reflect.construct(Receiver, []))
  const lost =
    'after a fault of its peer a WebSocket closes with requests unanswered; single frames, first messages and floods have no limit'
  return [{ name: 'ws _receiver', isPresent, lost }]
}

/**
 * Starts an HTTP server's checks for slow and idle connections, for one that does not listen itself but is given its
 * connections: Node starts them at this event.
 */
export function startConnectionChecks(http: EventEmitter): void {
  http.emit('listening')
}

/** Checks that an HTTP server which has not started yet waits for the event. */
export function checkConnectionChecks(http: EventEmitter): Internal[] {
  const isPresent = http.listenerCount('listening') > 0
  return [
    { name: "http 'listening'", isPresent, lost: 'idle HTTP connections are closed later, or by their peer only' },
  ]
}

/** Runs garbage collections. */
export type Collector = {
  /** Of young objects: takes 1 to 2 ms. */
  minor(): void
  /** Of everything, more than once, and returns what the heap has grown by: takes some 40 ms for 10 MiB in use. */
  all(): void
}

/**
 * Returns the collector; undefined if there is none, and the runtime collects on its own schedule. `exposed` returns a
 * global that a flag of V8 adds.
 */
export function garbageCollector(exposed: (name: string) => unknown = exposedGlobal): Collector | undefined {
  try {
    const collect = exposed('gc')
    if (typeof collect !== 'function') return undefined
    const run = (options: object) => (): void => void Reflect.apply(collect, undefined, [options])
    return { minor: run({ type: 'minor' }), all: run({ type: 'major', flavor: 'last-resort' }) }
  } catch {
    return undefined
  }
}

/** Contexts created while the flag is set have `gc`. */
function exposedGlobal(name: string): unknown {
  v8.setFlagsFromString('--expose-gc')
  try {
    return vm.runInNewContext(name)
  } finally {
    v8.setFlagsFromString('--no-expose-gc')
  }
}

/** Checks the result of {@link garbageCollector}. */
export function checkCollector(collector: Collector | null = garbageCollector() ?? null): Internal[] {
  const lost = 'memory grows during large transfers, and is not returned afterwards'
  return [{ name: '--expose-gc', isPresent: collector !== null, lost }]
}

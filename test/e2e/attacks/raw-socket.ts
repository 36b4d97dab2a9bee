/** A WebSocket client that sends whatever bytes it is given, as fast as the server takes them, and reads no answer. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** WebSocket opcodes. */
export const Opcode = { Continuation: 0, Text: 1, Ping: 9, Pong: 10 } as const

/** Not all zeros: `ws` does not unmask those, which would save the server its work. */
const MASK = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3])
const FIN = 0x80
const MASKED = 0x80

/** One masked frame. */
export function frame(opcode: number, payload: Uint8Array | string, { fin = true } = {}): Buffer {
  const bytes = Buffer.from(payload)
  const { length } = bytes
  const head =
    length < 126
      ? [MASKED | length]
      : length < 65_536
        ? [MASKED | 126, ...big(length, 2)]
        : [MASKED | 127, ...big(length, 8)]
  for (let at = 0; at < length; at++) bytes[at] = (bytes[at] as number) ^ (MASK[at & 3] as number)
  return Buffer.concat([Buffer.from([(fin ? FIN : 0) | opcode, ...head]), MASK, bytes])
}

/** Big-endian. */
const big = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, index) => Math.floor(value / 2 ** (8 * (bytes - 1 - index))) % 256)

/** A request or, without an id, a notification, as one frame. */
export const message = (content: object): Buffer => frame(Opcode.Text, JSON.stringify(content))

/** The same bytes `count` times. */
export const repeated = (bytes: Uint8Array, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, () => bytes))

/** A message in frames of at most `frameBytes` payload bytes. */
export function fragmented(payload: Uint8Array, frameBytes: number): Buffer {
  const frames: Buffer[] = []
  for (let at = 0; at < payload.length; at += frameBytes) {
    const fin = at + frameBytes >= payload.length
    frames.push(frame(at === 0 ? Opcode.Text : Opcode.Continuation, payload.subarray(at, at + frameBytes), { fin }))
  }
  return Buffer.concat(frames)
}

const UPGRADE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'

/** Opens a TCP connection; resolves with undefined if it is refused. Incoming bytes are discarded. */
export function dial(url: string): Promise<Socket | undefined> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(undefined))
    socket.on('connect', () => resolve(socket))
    socket.resume()
  })
}

/** Sends the upgrade request, and waits for the first bytes of the response. */
export async function upgrade(socket: Socket): Promise<void> {
  socket.write(UPGRADE)
  await nextBytes(socket)
}

/** Completes the handshake of the protocol. */
export async function initialize(socket: Socket): Promise<void> {
  socket.write(message({ id: 0, method: 'initialize', params: { clientName: 'attacker' } }))
  await nextBytes(socket)
  socket.write(message({ method: 'initialized', params: {} }))
}

function nextBytes(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('data', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('data', done)
    socket.on('close', done)
  })
}

/** Writes bytes; resolves once the kernel has taken them, or the socket is closed. */
export function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done)
      resolve()
    }
    socket.on('close', done)
    socket.write(bytes, done)
  })
}

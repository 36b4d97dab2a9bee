/** One connection to a server: a WebSocket, or the stdin and stdout of a server of its own. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { clientFrame } from '../bench/raw-client.ts'

/** Ways to leave without having said all. */
export type Cut = 'close' | 'reset' | 'half a frame' | 'without a word'

export const cuts: readonly Cut[] = ['close', 'reset', 'half a frame', 'without a word']

export type Link = {
  onMessage: (text: string) => void
  onEnd: (reason: string) => void
  send(text: string): void
  /** Stops to read, and goes on. */
  pause(): void
  resume(): void
  cut(how: Cut): void
  /** Tells the server that nothing more will come; answers may still. */
  finish(): void
}

/** More than any message may have. */
const MAX_PAYLOAD = 200 * 1024 * 1024
const OPEN_MS = 30_000

export async function openWebSocket(url: string): Promise<Link> {
  const { port, hostname } = new URL(url)
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true })
  const websocket = new WebSocket(url, {
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD,
    handshakeTimeout: OPEN_MS,
    createConnection: () => socket,
  })
  let reason = 'the server closed the connection'
  // Without this an error would be the end of us; the promise below and the close tell of it.
  websocket.on('error', (error) => (reason = error.message))
  const link: Link = {
    onMessage: () => {},
    onEnd: () => {},
    send: (text) => websocket.send(text),
    pause: () => websocket.pause(),
    resume: () => websocket.resume(),
    cut: (how) => {
      if (how === 'half a frame') socket.write(halfFrame())
      if (how === 'close') return websocket.close()
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
      websocket.terminate()
    },
    finish: () => websocket.close(),
  }
  // Before anything can have come, so that no message finds nobody.
  websocket.on('message', (data: Buffer) => link.onMessage(data.toString()))
  websocket.on('close', (code) => link.onEnd(`${reason} (${code})`))
  await once(websocket, 'open')
  return link
}

function halfFrame(): Buffer {
  const frame = clientFrame('{"id":1,"method":"environment/status","params":{}}')
  return frame.subarray(0, frame.length >> 1)
}

/** The server is the child, and ends with the connection. */
export function stdioLink(child: ChildProcess): Link {
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  const link: Link = {
    onMessage: () => {},
    onEnd: () => {},
    send: (text) => void stdin.write(`${text}\n`),
    pause: () => void stdout.pause(),
    resume: () => void stdout.resume(),
    cut: () => void stdin.end(),
    finish: () => void stdin.end(),
  }
  let pieces: string[] = []
  stdout.setEncoding('utf8')
  stdout.on('data', (text: string) => {
    const [first, ...lines] = text.split('\n') as [string, ...string[]]
    pieces.push(first)
    for (const line of lines) {
      link.onMessage(pieces.join(''))
      pieces = [line]
    }
  })
  stdin.on('error', () => {})
  child.once('close', (code, signal) => link.onEnd(`the server ended with ${code ?? signal}`))
  return link
}

/** HTTP requests on a raw socket, so that no HTTP library normalises them. */
import { spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { serverCommand } from '../server.ts'

/** `text` is the whole response, `body` the part after the headers. */
export type RawAnswer = { status: number; body: string; text: string }

/** Header lines of a WebSocket upgrade, without Host. */
export const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

/** The lines of a complete WebSocket upgrade request. */
export const UPGRADE_REQUEST = ['GET / HTTP/1.1', 'Host: 127.0.0.1', ...UPGRADE]

/** Sends lines to a local port or unix socket; resolves when the response is complete or the connection ends. */
export function ask(where: number | string, lines: readonly string[], more = ''): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = typeof where === 'number' ? connect(where, '127.0.0.1') : connect(where)
    let text = ''
    const finish = (): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ status: Number(text.slice(9, 12)), body: text.split('\r\n\r\n').slice(1).join('\r\n\r\n'), text })
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`no whole answer to ${lines[0]} within 30 s, but: ${text}`))
    }, 30_000)
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      if (/^HTTP\/1\.1 101 [^]*\r\n\r\n/.test(text)) finish()
    })
    socket.on('error', () => {})
    socket.on('close', finish)
    socket.write(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${more}`, 'latin1'))
  })
}

/** Sends an upgrade request to a path, with additional header lines. */
export const upgrade = (where: number | string, path = '/', headers: readonly string[] = []): Promise<RawAnswer> =>
  ask(where, [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...UPGRADE, ...headers])

/** Sends a plain GET with `Connection: close`. */
export const get = (where: number | string, path: string, headers: readonly string[] = []): Promise<RawAnswer> =>
  ask(where, [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers])

/** Runs the server with arguments with which it should exit instead of serving. */
export function call(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const [command, commandArgs] = serverCommand(args)
  return spawnSync(command, commandArgs, { encoding: 'utf8', timeout: 50_000 })
}

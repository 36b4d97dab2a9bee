/**
 * What DNS rebinding makes of a name, without the wait for a DNS record to expire: a port that first is the
 * attacker's web server, and then, byte for byte, another server. The browser sees one name, and one origin.
 */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

export type Relay = {
  /** From now on connections go to the other server. */
  rebind(): void
  /** All that was sent to the other server. */
  sent(): string
  close(): void
}

export async function startRelay(address: string, port: number, target: string, page: () => string): Promise<Relay> {
  let isRebound = false
  let sent = ''
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    if (!isRebound) {
      socket.once('data', () => {
        const body = page()
        const head = [
          'HTTP/1.1 200 OK',
          'Content-Type: text/html',
          `Content-Length: ${Buffer.byteLength(body)}`,
          'Connection: close',
        ]
        socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
      })
      return
    }
    const other = connect(port, target)
    other.on('error', () => socket.destroy())
    socket.on('data', (bytes: Buffer) => (sent += bytes.toString('latin1')))
    socket.pipe(other).pipe(socket)
  })
  server.listen(port, address)
  await once(server, 'listening')
  return {
    rebind: () => (isRebound = true),
    sent: () => sent,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

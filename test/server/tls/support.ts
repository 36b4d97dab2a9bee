/** A listener whose connections go through a terminator to an HTTP server. */
import { createServer as createHttp } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { once } from 'node:events'
import { connect } from 'node:tls'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { SocketOpener } from '../../../src/server/http/socket-opener.ts'
import { atEnd } from '../../support/scope.ts'

/** Listens for the time of the test. `onStream` gets what a terminator has opened. */
export async function listenThrough(opener: SocketOpener, onStream = (_: Socket): void => {}): Promise<number> {
  const http = createHttp((request, response) => response.end(`at ${request.url}`))
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
    opener.open(socket, (stream) => {
      onStream(stream as Socket)
      http.emit('connection', stream)
      stream.resume()
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Opens a TLS connection; the caller decides whether to verify. */
export async function dial(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ...options })
  atEnd(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

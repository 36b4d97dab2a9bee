/** The web server that http/request talks to. */
import { head, pour, reply, Web } from '../../test/support/web/web.ts'

export type Fixture = { url(path: string): string; stop(): Promise<void> }

const PIECE_BYTES = 37_000

/** `/bytes/N` and `/chunked/N` answer with so many bytes of `content`, `/echo` with what it was sent, `/never` never. */
export async function startFixture(content: Buffer): Promise<Fixture> {
  const web = await Web.start(({ target, body }, socket) => {
    // It keeps them for tests.
    web.asked.length = 0
    const [, kind, size] = target.split('/')
    const bytes = content.subarray(0, Number(size ?? 0))
    if (kind === 'bytes') {
      socket.write(head(200, [['content-length', bytes.length]]))
      pour(socket, bytes.length, bytes)
    } else if (kind === 'chunked') {
      socket.write(head(200, [['transfer-encoding', 'chunked']]))
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES)
        socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]))
      }
      socket.write('0\r\n\r\n')
    } else if (kind === 'echo') socket.write(reply(body))
    else if (kind !== 'never') socket.write(reply('not found', [], 404))
  })
  return { url: (path) => web.url(path), stop: () => web.stop() }
}

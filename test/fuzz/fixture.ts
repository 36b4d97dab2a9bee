/** The web server that http/request may talk to. */
import { head, redirect, reply, Web } from '../support/web/web.ts'

const SLOW_MS = 20
const BIG = Buffer.alloc(300_000, 'x')

export async function startFixture(): Promise<Web> {
  const web: Web = await Web.start(({ target }, socket) => {
    // They would be kept otherwise, millions of them.
    web.asked.length = 0
    switch (target.split('?')[0]) {
      case '/slow':
        return void setTimeout(() => socket.write(reply('slow')), SLOW_MS).unref()
      case '/big':
        return void socket.write(reply(BIG))
      case '/redirect':
        return void socket.write(redirect('/'))
      case '/loop':
        return void socket.write(redirect('/loop'))
      case '/elsewhere':
        return void socket.write(redirect('ftp://127.0.0.1/x'))
      case '/cut':
        socket.write(head(200, [['content-length', 1000]]))
        return void socket.end('less')
      case '/odd':
        return void socket.end('HTTP/1.1 999 \xff\r\nx: \xff\r\n\r\n\0', 'latin1')
      default:
        return void socket.write(reply('ok'))
    }
  })
  return web
}

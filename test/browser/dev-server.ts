/**
 * A development server as Vite is one: modules by absolute paths, a Host and an Origin that it checks, and a WebSocket with a
 * subprotocol over which it tells pages to replace a module.
 */
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { WebSocketServer } from 'ws'
import { listening } from './home.ts'

export type DevServer = {
  port: number
  /** Changes the module's file: every page replaces the module without loading anew. */
  edit(text: string): void
  close(): void
}

const SUBPROTOCOL = 'hot-reload'

/** `prefix` stands in front of all paths in the page: `/`, or `./` for a page that is below a path. */
export async function startDevServer(report: string, prefix: '/' | './'): Promise<DevServer> {
  let text = 'first'
  const files: Record<string, () => [type: string, body: string]> = {
    '/': () => ['text/html', `<!doctype html><body><script type="module" src="${prefix}src/main.js"></script>`],
    '/src/main.js': () => ['text/javascript', mainModule(report, prefix)],
    '/src/part.js': () => ['text/javascript', `export const text = ${JSON.stringify(text)}`],
    '/data': () => ['application/json', JSON.stringify({ text })],
  }
  const mayAsk = ({ headers: { host, origin } }: IncomingMessage): boolean =>
    host === `localhost:${port}` && (origin === undefined || origin === `http://localhost:${port}`)
  const server = createServer((request, response) => {
    const file = files[new URL(request.url ?? '', 'http://x').pathname]
    if (!mayAsk(request)) return void response.writeHead(403).end('blocked: this host is not allowed')
    if (file === undefined) return void response.writeHead(404).end()
    const [type, body] = file()
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' }).end(body)
  })
  const sockets = new WebSocketServer({
    server,
    verifyClient: ({ req }: { req: IncomingMessage }) => mayAsk(req),
    handleProtocols: (protocols) => (protocols.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  })
  const port = await listening(server)
  server.unref()
  return {
    port,
    edit: (next) => {
      text = next
      for (const socket of sockets.clients) socket.send(JSON.stringify({ type: 'update', path: 'src/part.js' }))
    },
    close: () => {
      for (const socket of sockets.clients) socket.terminate()
      server.close()
    },
  }
}

/** Reports the module's text now and after each update, with a number that only a new load changes. */
const mainModule = (report: string, prefix: string): string => `
  const load = Math.random()
  const base = new URL(${JSON.stringify(prefix === '/' ? '/' : '../')}, import.meta.url)
  const socket = new WebSocket(Object.assign(new URL(base), { protocol: 'ws:' }), ${JSON.stringify(SUBPROTOCOL)})
  let count = 0
  const show = async () => {
    const { text } = await import(new URL('src/part.js?t=' + count++, base))
    const { text: fetched } = await (await fetch(new URL('data', base), { method: 'POST', body: '{}',
      headers: { 'content-type': 'application/json' } })).json()
    await fetch(${JSON.stringify(report)}, { method: 'POST', mode: 'no-cors',
      body: JSON.stringify({ load, text, fetched, origin: self.origin }) })
  }
  socket.onopen = show
  socket.onmessage = show
`

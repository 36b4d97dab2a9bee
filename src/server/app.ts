/** The HTTP side: health for whoever watches, the WebSocket upgrade on `/`, and nothing for browsers. */
import { Hono } from 'hono'
import type { Context, MiddlewareHandler } from 'hono'

export type Upgrade = MiddlewareHandler

export function createApp(upgrade: () => Upgrade): Hono {
  const app = new Hono()

  // Browsers send Origin with every WebSocket, from whatever page; no agent does.
  app.use(async (context, next) => {
    if (context.req.header('origin') !== undefined) return context.body(null, 403)
    await next()
    return undefined
  })

  for (const path of ['/readyz', '/healthz']) {
    app.get(path, (context) => context.body(null, 200))
    app.all(path, (context) => context.body(null, 405, { allow: 'GET,HEAD' }))
  }

  app.get('/', refuseOtherThanUpgrade, (context, next) => upgrade()(context, next))
  app.all('/', (context) => context.text('Request method must be GET', 405, { allow: 'GET' }))
  app.notFound((context) => context.body(null, 404))
  return app
}

const refuseOtherThanUpgrade: MiddlewareHandler = async (context: Context, next) => {
  const header = (name: string): string => context.req.header(name)?.toLowerCase() ?? ''
  if (!header('connection').split(/\s*,\s*/).includes('upgrade')) return context.text('this is a WebSocket endpoint: Connection must be upgrade', 400)
  if (header('upgrade') !== 'websocket') return context.text('Upgrade must be websocket', 400)
  if (header('sec-websocket-version') !== '13') return context.text('Sec-WebSocket-Version must be 13', 400)
  if (header('sec-websocket-key') === '') return context.text('Sec-WebSocket-Key is missing', 400)
  return next()
}

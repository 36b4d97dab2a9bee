/** A development server on the devbox, seen through `exec-server forward` in a real browser. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as assert from 'uvu/assert'
import { WebSocketServer } from 'ws'
import { findChromium, openPage } from '../../browser/chromium.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually } from '../../support/server.ts'
import { skip, test } from '../../support/suite.ts'
import { withServer } from '../../support/with-server.ts'
import { startForward } from './peers.ts'

/** As those of Vite: modules that are loaded one by one, and again when a WebSocket says that they have changed. */
const PAGE = `<!doctype html><script type="module">
  const page = Math.random()
  const load = async () => {
    const { value } = await import('/value.js?' + Math.random())
    await fetch('/seen', { method: 'POST', body: JSON.stringify({ page, value, host: location.host }) })
  }
  const socket = new WebSocket('ws://' + location.host, 'hot')
  socket.onmessage = load
  socket.onopen = load
</script>`

type Seen = { page: number; value: string; host: string }

async function startDevServer() {
  const state = { value: 'first', seen: [] as Seen[] }
  const http = createServer((request, response) => {
    if (request.method === 'POST') {
      void request.toArray().then((pieces) => {
        state.seen.push(JSON.parse(Buffer.concat(pieces as Buffer[]).toString()) as Seen)
        response.end()
      })
    } else if (request.url?.startsWith('/value.js') === true) {
      // Larger than any buffer on the way.
      response.setHeader('content-type', 'text/javascript')
      response.end(`${`// ${'x'.repeat(1000)}\n`.repeat(4000)}export const value = ${JSON.stringify(state.value)}`)
    } else {
      response.setHeader('content-type', 'text/html')
      response.end(PAGE)
    }
  })
  const sockets = new WebSocketServer({ server: http })
  http.listen(0, '::1')
  await once(http, 'listening')
  atEnd(() => {
    for (const client of sockets.clients) client.terminate()
    http.closeAllConnections()
    http.close()
  })
  const change = (value: string): void => {
    state.value = value
    for (const client of sockets.clients) client.send('changed')
  }
  return { state, port: (http.address() as AddressInfo).port, change }
}

test('a browser loads a page through forward, and its modules again as they change', async () => {
  const chromium = findChromium() ?? skip('there is no Chromium here; name one in $CHROMIUM')
  const { state, port, change } = await startDevServer()
  await withServer([], async ({ url }) => {
    const forward = await startForward(url, [`0:${port}`])
    const host = `localhost:${forward.port()}`
    atEnd(openPage(chromium.program, `http://${host}/`, {}))
    await eventually(() => state.seen.length === 1)
    change('second')
    await eventually(() => state.seen.length === 2)
    const [before, after] = state.seen
    assert.equal([before?.value, after?.value], ['first', 'second'])
    assert.is(after?.page, before?.page, 'the page was not loaded anew')
    assert.is(after?.host, host)
    forward.stop()
    await forward.ended
  })
})

test.run()

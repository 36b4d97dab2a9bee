/**
 * Shows with a real browser what previews do: a development server with hot reload works in them, and a hostile page, even
 * one that knows the server's control URL, gets nowhere.
 *
 *     node test/browser/preview.ts            CHROMIUM=/path/to/chromium names the browser
 */
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import process from 'node:process'
import { Client } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import type { RunningServer } from '../support/server.ts'
import { call } from '../e2e/cli/call.ts'
import { findChromium, openPage } from './chromium.ts'
import { createChecks } from './checks.ts'
import { startDevServer } from './dev-server.ts'
import { foundBy, html, listening, startHome } from './home.ts'
import type { Attempts } from './page.ts'

const REPORT_MS = 60_000
const EVIL = 'evil.example'
/** An address of loopback for which there is no name of an origin. */
const NAMELESS = '127.0.0.2'

const { check, fail, finish } = createChecks()

const chromium = findChromium()
if (chromium === undefined) {
  console.log('SKIPPED: there is no Chromium here; name one in $CHROMIUM')
  process.exit(0)
}
console.log(`previews in ${chromium.version}`)
const { program } = chromium
const home = await startHome()
const names = { [EVIL]: '127.0.0.1' }
const reportUrl = (name: string): string => `http://127.0.0.1:${home.port}/report/${name}`

/** The URL that a person opens. */
async function urlOf(server: RunningServer, port: number): Promise<string> {
  const { code, stdout, stderr } = await call(['preview', '--url', server.url, String(port)])
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

type Shown = { load: number; text: string; fetched: string; origin: string }

const nextReport = (name: string): Promise<Shown> =>
  new Promise((resolve, reject) => {
    home.reports.set(name, (text) => resolve(JSON.parse(text) as Shown))
    setTimeout(() => reject(new Error(`the page ${name} reported nothing`)), REPORT_MS).unref()
  })

/** A development server, opened in the browser, edited, and shown anew. */
async function hotReload(name: string, server: RunningServer, prefix: '/' | './'): Promise<void> {
  const dev = await startDevServer(reportUrl(name), prefix)
  const reported = nextReport(name)
  const close = openPage(program, await urlOf(server, dev.port), names)
  try {
    const first = await reported
    check(`${name}: the page runs`, first.text === 'first' && first.fetched === 'first', JSON.stringify(first))
    const again = nextReport(name)
    dev.edit('second')
    const second = await again
    check(`${name}: it shows an edit`, second.text === 'second' && second.fetched === 'second', JSON.stringify(second))
    check(`${name}: without loading anew`, second.load === first.load, JSON.stringify([first, second]))
    const isOwn = prefix === '/'
    const origin = isOwn ? /^http:\/\/\d+-[0-9a-f]{16}\.localhost:\d+$/ : /^null$/
    check(`${name}: its origin is ${origin.source}`, origin.test(first.origin), first.origin)
  } finally {
    close()
    dev.close()
  }
}

type Program = { port: number; requests: IncomingMessage[]; close(): void }

async function startProgram(page: () => string): Promise<Program> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    const isScript = request.url?.endsWith('.js') === true
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? 'void 0' : page())
  })
  const port = await listening(server)
  server.unref()
  return { port, requests, close: () => void server.close() }
}

/**
 * A hostile page, entered through the control URL by a browser in which another preview is open, too. It knows the control
 * URL, and that of the other preview.
 */
async function hostile(name: string, server: RunningServer, isOwn: boolean): Promise<void> {
  const base = server.url.replace('ws:', 'http:').replace(/\/c\/.*/, '')
  const control = server.url.replace('ws:', 'http:').replace(/\/$/, '')
  const token = /\/c\/(.*)/.exec(server.url)?.[1]
  let attempts: Attempts | undefined
  const page = await startProgram(() => html(attempts as Attempts))
  let next = ''
  const victim = await startProgram(() => `<script>location.replace(${JSON.stringify(next)})</script>`)
  const [url, other] = [await urlOf(server, page.port), await urlOf(server, victim.port)]
  const { origin: otherOrigin } = new URL(other)
  const otherPage = isOwn ? `${otherOrigin}/` : url.replace(/\/port\/.*/, `/port/${victim.port}/`)
  const ws = (to: string): string => to.replace(/^http/, 'ws')
  const own = isOwn ? `http://${new URL(url).host}` : url.replace(/\/$/, '')
  const initialize = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientName":"page"}}'
  const post: RequestInit = { method: 'POST', body: initialize, headers: { 'content-type': 'application/json' } }
  const controls = [...new Set([`${base}/`, control, `${base}/metrics`, `${control}/metrics`, `${control}/mcp`])]
  const enter = `${control}/port/${victim.port}/`
  const readable = [...controls, enter, otherPage]
  attempts = {
    name,
    report: reportUrl(name),
    sockets: [...new Set([ws(`${base}/`), server.url, ws(`${control}/mcp`), ws(otherPage)])],
    fetches: [
      { url: `${own}/` },
      ...readable.flatMap((to) => [
        { url: to },
        { url: to, init: { credentials: 'include' as const } },
        { url: to, init: post },
        { url: to, init: { mode: 'no-cors' as const, credentials: 'include' as const } },
      ]),
      { url: control, init: { headers: { authorization: 'Bearer x' } } },
    ],
    elements: [
      ...[...controls, enter, otherPage].map((to) => ({ element: 'iframe' as const, url: to })),
      { element: 'script', url: `${control}/metrics` },
    ],
    workers: [`${own}/worker.js`, `${base}/worker.js`, `${control}/worker.js`],
    looks: true,
  }
  // The other preview is opened first, so that the browser has its cookie, and leads to the page's.
  next = isOwn || token === undefined ? url : `${control}/port/${page.port}/`
  const { origin, findings } = await foundBy(home, { program, url: other, name, names })
  const found = (attempt: string): string => findings.get(attempt) ?? 'not tried'
  const expect = (attempt: string, outcome: RegExp): void =>
    check(
      `${name}: ${attempt}: ${outcome.source}`.replaceAll(token ?? '\0', 'TOKEN'),
      outcome.test(found(attempt)),
      found(attempt),
    )

  check(
    `${name}: the page has ${isOwn ? 'an origin of its own' : 'an opaque origin'}`,
    origin === (isOwn ? own : 'null'),
    origin,
  )
  expect(`GET cors ${own}/`, /^(?:basic|cors) 200 /)
  for (const to of attempts.sockets) expect(`WebSocket ${to}`, /^refused$/)
  for (const to of readable)
    for (const [kind, outcome] of [
      ['GET cors', /^refused$/],
      ['POST cors', /^refused$/],
      ['GET no-cors', /^(?:refused|opaque 0 "")$/],
    ] as const)
      expect(`${kind} ${to}`, outcome)
  for (const { element, url: to } of attempts.elements) expect(`${element} ${to}`, /^(?:unreadable|refused)$/)
  const [ownWorker, ...controlWorkers] = attempts.workers as [string, ...string[]]
  expect(`worker ${ownWorker}`, isOwn ? new RegExp(`^for ${own}/$`) : /^refused$/)
  for (const to of controlWorkers) expect(`worker ${to}`, /^refused$/)
  const looks = found('looks')
  check(`${name}: what it sees holds no control token`, token === undefined || !looks.includes(token), looks)
  const opened = new URL(url).pathname.split('/')[2] as string
  check(`${name}: nor, on an origin of its own, that of its preview`, !isOwn || !looks.includes(opened), looks)
  const asked = victim.requests.filter(
    ({ headers }) => headers.referer !== undefined || headers['sec-fetch-dest'] === 'empty',
  )
  check(
    `${name}: the other preview's program was not asked by it`,
    asked.length === 0,
    asked.map(({ url: to }) => to).join(),
  )
  const metrics = await (await fetch(`${control}/metrics`)).text()
  check(`${name}: no page has connected`, /^exec_server_connections_total 0$/m.test(metrics), metrics.slice(0, 200))
  const client = await Client.connect(server.url)
  check(`${name}: who may come in still can`, (await client.run('p', ['/bin/echo', 'in'])).output === 'in\n', '')
  await client.close()
  page.close()
  victim.close()
}

/** A page of another site, in a browser in which a preview is open. */
async function crossSite(name: string, server: RunningServer): Promise<void> {
  let next = ''
  const victim = await startProgram(() => `<script>location.replace(${JSON.stringify(next)})</script>`)
  const url = await urlOf(server, victim.port)
  const origin = `http://${new URL(url).host}`
  next = `http://${EVIL}:${home.port}/page/${name}`
  const include: RequestInit = { credentials: 'include' }
  home.pages.set(
    name,
    html({
      name,
      report: reportUrl(name),
      sockets: [origin.replace('http', 'ws')],
      fetches: [
        { url: `${origin}/secret`, init: include },
        { url: `${origin}/secret`, init: { ...include, method: 'POST' } },
      ],
      elements: [
        { element: 'iframe', url: `${origin}/secret` },
        { element: 'script', url: `${origin}/secret.js` },
        { element: 'img', url: `${origin}/secret` },
      ],
    }),
  )
  const { findings } = await foundBy(home, { program, url, name, names })
  for (const [attempt, outcome] of findings)
    check(`${name}: ${attempt}: refused`, /^(?:refused|unreadable)$/.test(outcome), outcome)
  const asked = victim.requests.filter(({ url: to }) => to?.startsWith('/secret'))
  check(`${name}: the program was not asked`, findings.size === 6 && asked.length === 0, JSON.stringify([...findings]))
  victim.close()
}

async function withServer(args: readonly string[], body: (server: RunningServer) => Promise<void>): Promise<void> {
  const server = await startServer(['--preview', '--mcp', ...args])
  try {
    await body(server)
  } finally {
    await server.stop()
  }
}

const nameless = ['--listen', `ws://${NAMELESS}:0`]
try {
  await withServer([], (server) => hotReload('hot reload', server, '/'))
  await withServer(nameless, (server) => hotReload('hot reload below a path', server, './'))
  await withServer(['--capability-url'], (server) => hostile('a hostile page that has the control URL', server, true))
  await withServer([], (server) => hostile('a hostile page of a server without a token', server, true))
  await withServer([...nameless, '--capability-url'], (server) =>
    hostile('a hostile page below a path that has the control URL', server, false),
  )
  await withServer([...nameless], (server) => hostile('a hostile page below a path without a token', server, false))
  await withServer([], (server) => crossSite('another site', server))
} catch (error) {
  fail(error)
}
finish()

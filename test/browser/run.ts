/**
 * Shows with a real browser that no page gets in: not one of another site, and not one whose name is made to
 * point at the server (DNS rebinding); unless the server was told to let its site in.
 *
 *     node test/browser/run.ts            CHROMIUM=/path/to/chromium names the browser
 *
 * What a page is refused, another server allows it in the same way: so it is our server that refuses, and not
 * the browser that does not even try.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { WebSocketServer } from 'ws'
import { Client } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import type { RunningServer } from '../support/server.ts'
import { findChromium, openPage } from './chromium.ts'
import type { Attempts, Finding } from './page.ts'
import { startRelay } from './relay.ts'

const PAGE_MS = 60_000
const EVIL = 'evil.example'
const REBOUND = 'rebound.example'
/** Another address of this machine, so that a port of the server's number is free there. */
const ATTACKER = '127.0.0.2'

let passed = 0
let failed = 0

function check(what: string, isSo: boolean, seen: string): void {
  if (isSo) passed++
  else failed++
  console.log(`${isSo ? 'ok      ' : 'FAILED  '}${what}${isSo ? '' : `\n        ${seen.slice(0, 300)}`}`)
}

const html = (attempts: Attempts): string => {
  const source = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, 'page.ts'), 'utf8'))
  const script = `const attempts = ${JSON.stringify(attempts)}\n${source.replace(/^export /gm, '')}`
  return `<!doctype html><meta charset="utf-8"><title>page</title><body><script type="module">${script}</script>`
}

const listening = async (server: {
  listen(port: number, address: string): unknown
  address(): unknown
}): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server as never, 'listening')
  return (server.address() as AddressInfo).port
}

type Home = {
  port: number
  pages: Map<string, string>
  onReady: Map<string, () => void>
  reports: Map<string, (text: string) => void>
}

/** The pages' own server: it lets everybody do everything, echoes on WebSockets, and gathers what pages found. */
async function startHome(): Promise<Home> {
  const pages = new Map<string, string>()
  const onReady = new Map<string, () => void>()
  const reports = new Map<string, (text: string) => void>()
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, kind, name = ''] = decodeURI(request.url ?? '').split('/')
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString()
    if (kind === 'report') reports.get(name)?.(body)
    if (kind === 'ready') onReady.get(name)?.()
    const isScript = kind === 'script'
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(kind === 'page' ? pages.get(name) : isScript ? 'void 0' : 'own')
  }
  const server = createServer((request, response) => void answer(request, response))
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', () => socket.send('echo')))
  const port = await listening(server)
  server.unref()
  return { port, pages, onReady, reports }
}

const chromium = findChromium()
if (chromium === undefined) {
  console.log('SKIPPED: there is no Chromium here; name one in $CHROMIUM')
  process.exit(0)
}
console.log(chromium.version)
const { program } = chromium
const home = await startHome()

/** What a page found, by attempt. */
async function visit(url: string, name: string): Promise<{ origin: string; findings: Map<string, string> }> {
  const reported = new Promise<string>((resolve, reject) => {
    home.reports.set(name, resolve)
    setTimeout(() => reject(new Error(`the page ${name} reported nothing`)), PAGE_MS).unref()
  })
  const close = openPage(program, url, { [EVIL]: '127.0.0.1', [REBOUND]: ATTACKER })
  try {
    const { origin, findings } = JSON.parse(await reported) as { origin: string; findings: Finding[] }
    return { origin, findings: new Map(findings.map(({ attempt, outcome }) => [attempt, outcome])) }
  } finally {
    close()
  }
}

const portOf = ({ url }: RunningServer): number => Number(new URL(url.replace('ws:', 'http:')).port)
const homeUrl = (path: string, host = '127.0.0.1'): string => `http://${host}:${home.port}/${path}`

/** A page of another site, with any server of ours, and the URL to it that has leaked. */
async function crossSite(name: string, server: RunningServer): Promise<void> {
  const base = server.url.replace('ws:', 'http:').replace(/\/c\/.*/, '')
  const leaked = server.url
  const sockets = [leaked, leaked.replace('127.0.0.1', 'localhost'), leaked.replace('127.0.0.1', EVIL), `${leaked}/`]
  const write: RequestInit = { method: 'POST', body: '{"id":1,"method":"initialize","params":{"clientName":"page"}}' }
  const paths = ['/readyz', '/metrics', '/']
  home.pages.set(
    name,
    html({
      name,
      report: homeUrl(`report/${name}`),
      sockets: [`ws://127.0.0.1:${home.port}/`, ...sockets],
      fetches: [
        { url: homeUrl('own', EVIL) },
        { url: homeUrl('other') },
        ...paths.flatMap((path) => [{ url: base + path }, { url: base + path, init: { mode: 'no-cors' as const } }]),
        ...paths.flatMap((path) => [
          { url: base + path, init: write },
          { url: base + path, init: { ...write, mode: 'no-cors' as const } },
        ]),
        { url: `${base}/`, init: { headers: { Authorization: 'Bearer x' } } },
      ],
      elements: [
        { element: 'script', url: homeUrl('script') },
        { element: 'img', url: `${base}/metrics` },
        { element: 'iframe', url: `${base}/metrics` },
      ],
    }),
  )
  const { origin, findings } = await visit(homeUrl(`page/${name}`, EVIL), name)
  const found = (attempt: string): string => findings.get(attempt) ?? 'not tried'
  const expect = (attempt: string, outcome: RegExp): void =>
    check(`${name}: ${attempt}: ${outcome.source}`, outcome.test(found(attempt)), found(attempt))

  check(`${name}: the page is of another site`, origin === `http://${EVIL}:${home.port}`, origin)
  expect(`WebSocket ws://127.0.0.1:${home.port}/`, /^open, and said echo$/)
  expect(`GET cors ${homeUrl('own', EVIL)}`, /^basic 200 "own"$/)
  expect(`GET cors ${homeUrl('other')}`, /^cors 200 "own"$/)
  expect(`script ${homeUrl('script')}`, /^loaded$/)
  for (const url of sockets) expect(`WebSocket ${url}`, /^refused$/)
  for (const path of paths) {
    expect(`GET cors ${base}${path}`, /^refused$/)
    expect(`GET no-cors ${base}${path}`, /^(refused|opaque 0 "")$/)
    expect(`POST cors ${base}${path}`, /^refused$/)
    expect(`POST no-cors ${base}${path}`, /^(refused|opaque 0 "")$/)
  }
  expect(`img ${base}/metrics`, /^refused$/)
  expect(`iframe ${base}/metrics`, /^(unreadable|refused)$/)
  await untouched(name, server)
}

/** A page of the very origin that the server's address has come to be. `allowed`: the server goes by that name. */
async function rebinding(name: string, server: RunningServer, allowed: boolean): Promise<void> {
  const port = portOf(server)
  const origin = `http://${REBOUND}:${port}`
  const path = server.url.replace(/^ws:\/\/[^/]*/, '')
  const attempts: Attempts = {
    name,
    report: homeUrl(`report/${name}`),
    ready: homeUrl(`ready/${name}`),
    sockets: [`ws://${REBOUND}:${port}${path}`],
    fetches: [
      ...['/readyz', '/metrics', '/'].map((each) => ({ url: `${origin}${each}` })),
      { url: `${origin}/`, init: { method: 'POST', body: '{}' } },
    ],
    elements: [{ element: 'iframe', url: `${origin}/metrics` }],
  }
  const relay = await startRelay(ATTACKER, port, '127.0.0.1', () => html(attempts))
  home.onReady.set(name, relay.rebind)
  const { origin: seen, findings } = await visit(`${origin}/`, name)
  relay.close()
  const found = (attempt: string): string => findings.get(attempt) ?? 'not tried'
  const expect = (attempt: string, outcome: RegExp): void =>
    check(`${name}: ${attempt}: ${outcome.source}`, outcome.test(found(attempt)), found(attempt))

  check(`${name}: the page is of the server's origin`, seen === origin, seen)
  const requests = relay.sent().split(/(?=^(?:GET|POST) )/m)
  const health = requests.find((request) => request.startsWith('GET /readyz '))
  check(
    `${name}: its GET has reached the server, with its own name and without an Origin`,
    health?.includes(`Host: ${REBOUND}:${port}`) === true && !/^origin:/im.test(health),
    relay.sent(),
  )
  const upgrade = requests.find((request) => /^upgrade: websocket/im.test(request))
  check(
    `${name}: so has its WebSocket, with an Origin`,
    upgrade !== undefined && /^origin:/im.test(upgrade),
    relay.sent(),
  )
  expect(`WebSocket ws://${REBOUND}:${port}${path}`, /^refused$/)
  for (const each of ['/readyz', '/metrics'])
    expect(`GET cors ${origin}${each}`, allowed ? /^basic 200 / : /^basic 403 "this server does not go by the name/)
  expect(`GET cors ${origin}/`, allowed ? /^basic 400 / : /^basic 403 /)
  expect(`POST cors ${origin}/`, /^basic 403 ""$/)
  expect(
    `iframe ${origin}/metrics`,
    allowed ? /^readable: .*exec_server/s : /^readable: this server does not go by the name/,
  )
  await untouched(name, server)
}

/** A page of a site that the server has been told of: it gets its WebSocket, and nothing else. */
async function allowedSite(name: string, server: RunningServer): Promise<void> {
  const base = server.url.replace('ws:', 'http:').replace(/\/c\/.*/, '')
  const bare = base.replace('http:', 'ws:')
  const fetches = ['/readyz', '/metrics'].map((path) => ({ url: base + path }))
  home.pages.set(
    name,
    html({ name, report: homeUrl(`report/${name}`), sockets: [bare, server.url], fetches, elements: [] }),
  )
  const { findings } = await visit(homeUrl(`page/${name}`, EVIL), name)
  const expect = (attempt: string, outcome: RegExp): void => {
    const found = findings.get(attempt) ?? 'not tried'
    check(`${name}: ${attempt}: ${outcome.source}`, outcome.test(found), found)
  }
  if (bare !== server.url) expect(`WebSocket ${bare}`, /^refused$/)
  expect(`WebSocket ${server.url}`, /^open, and said \{"id":1,"result":\{"sessionId"/)
  for (const { url } of fetches) expect(`GET cors ${url}`, /^refused$/)
}

/** Nobody has connected; whoever may, still can. */
async function untouched(name: string, server: RunningServer): Promise<void> {
  const metrics = await (await fetch(`${server.url.replace('ws:', 'http:')}/metrics`)).text()
  const count = /^exec_server_connections_total (\d+)$/m.exec(metrics)?.[1]
  check(`${name}: no page has connected`, count === '0', metrics.slice(0, 300))
  const client = await Client.connect(server.url)
  const { output } = await client.run('p', ['/bin/echo', 'in'])
  await client.close()
  check(`${name}: who may come in still can`, output === 'in\n', output)
}

async function withServer(args: readonly string[], body: (server: RunningServer) => Promise<void>): Promise<void> {
  const server = await startServer(args)
  try {
    await body(server)
  } finally {
    await server.stop()
  }
}

try {
  await withServer([], (server) => crossSite('another site', server))
  await withServer(['--capability-url'], (server) => crossSite('another site that has the capability URL', server))
  await withServer([], (server) => rebinding('a rebound name', server, false))
  await withServer(['--capability-url'], (server) => rebinding('a rebound name and the capability URL', server, false))
  const allowed = ['--allow-origin', `http://${EVIL}:${home.port}`]
  await withServer(allowed, (server) => allowedSite('an allowed site', server))
  await withServer([...allowed, '--capability-url'], (server) =>
    allowedSite('an allowed site that has the capability URL', server),
  )
  await withServer(['--allow-origin', `http://${EVIL}`], (server) => crossSite('a site whose like is allowed', server))
  await withServer(['--allow-host', REBOUND], (server) => rebinding('a rebound name that is allowed', server, true))
} catch (error) {
  failed++
  console.log(`FAILED  ${error instanceof Error ? error.stack : String(error)}`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

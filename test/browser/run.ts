/**
 * Shows with a real browser that no page gets in: not one of another site, and not one whose name is made to
 * point at the server (DNS rebinding); unless the server was told to let its site in.
 *
 *     node test/browser/run.ts            CHROMIUM=/path/to/chromium names the browser
 *
 * What a page is refused, another server allows it in the same way: so it is our server that refuses, and not
 * the browser that does not even try.
 */
import process from 'node:process'
import { Client } from '../support/client.ts'
import { startServer } from '../support/server.ts'
import type { RunningServer } from '../support/server.ts'
import { findChromium } from './chromium.ts'
import { createChecks } from './checks.ts'
import { foundBy, html, startHome } from './home.ts'
import type { Found } from './home.ts'
import type { Attempts } from './page.ts'
import { startRelay } from './relay.ts'

const EVIL = 'evil.example'
const REBOUND = 'rebound.example'
/** Another address of this machine, so that a port of the server's number is free there. */
const ATTACKER = '127.0.0.2'

const { check, fail, finish } = createChecks()

const chromium = findChromium()
if (chromium === undefined) {
  console.log('SKIPPED: there is no Chromium here; name one in $CHROMIUM')
  process.exit(0)
}
console.log(chromium.version)
const { program } = chromium
const home = await startHome()

/** What a page found, by attempt. */
const visit = (url: string, name: string): Promise<Found> =>
  foundBy(home, { program, url, name, names: { [EVIL]: '127.0.0.1', [REBOUND]: ATTACKER } })

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
        { element: 'script', url: `${base}/readyz` },
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
  expect(`script ${base}/readyz`, /^refused$/)
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
  fail(error)
}
finish()

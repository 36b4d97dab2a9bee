/** The pages' own server, and what pages found. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { openPage } from './chromium.ts'
import type { Attempts, Finding } from './page.ts'

const PAGE_MS = 60_000

/** A page that tries all of this. */
export const html = (attempts: Attempts): string => {
  const source = stripTypeScriptTypes(readFileSync(join(import.meta.dirname, 'page.ts'), 'utf8'))
  const script = `const attempts = ${JSON.stringify(attempts)}\n${source.replace(/^export /gm, '')}`
  return `<!doctype html><meta charset="utf-8"><title>page</title><body><script type="module">${script}</script>`
}

export const listening = async (server: {
  listen(port: number, address: string): unknown
  address(): unknown
}): Promise<number> => {
  server.listen(0, '127.0.0.1')
  await once(server as never, 'listening')
  return (server.address() as AddressInfo).port
}

export type Home = {
  port: number
  pages: Map<string, string>
  onReady: Map<string, () => void>
  reports: Map<string, (text: string) => void>
}

/** The pages' own server: it lets everybody do everything, echoes on WebSockets, and gathers what pages found. */
export async function startHome(): Promise<Home> {
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

/** The page's origin, and what came of each attempt. */
export type Found = { origin: string; findings: Map<string, string> }

/** The page to open, by the name that it reports under, and hosts that the browser finds at other addresses. */
type Visit = { program: string; url: string; name: string; names: Record<string, string> }

/** Opens a page, and waits for its report. */
export async function foundBy(home: Home, { program, url, name, names }: Visit): Promise<Found> {
  const reported = new Promise<string>((resolve, reject) => {
    home.reports.set(name, resolve)
    setTimeout(() => reject(new Error(`the page ${name} reported nothing`)), PAGE_MS).unref()
  })
  const close = openPage(program, url, names)
  try {
    const { origin, findings } = JSON.parse(await reported) as { origin: string; findings: Finding[] }
    return { origin, findings: new Map(findings.map(({ attempt, outcome }) => [attempt, outcome])) }
  } finally {
    close()
  }
}

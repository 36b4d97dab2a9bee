/** What the command line says of servers that refuse it, and of other programs; and what a server says of its refusals. */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer as createWebServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { createServer as createTlsServer } from 'node:tls'
import * as assert from 'uvu/assert'
import { connect } from '../../../src/client/connect.ts'
import { checkTranscript } from '../../cli/messages/transcript.ts'
import { Client } from '../../support/client.ts'
import { jsonLines } from '../../support/json-lines.ts'
import { parseMetrics } from '../../support/prometheus.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { certificate } from '../../support/web/certificate.ts'
import { get, upgrade } from '../../support/web/raw-http.ts'
import { call } from './call.ts'

const TOKEN = 'the-right-token-of-32-characters'

/** Listens for the time of the test. Returns the port. */
async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => void server.close())
  return String((server.address() as AddressInfo).port)
}

/** A server that says this to each connection, and ends it. */
const saying = (text: string): Promise<string> =>
  listen(createServer((socket) => socket.on('error', () => {}).end(text)))

const portOf = (url: string): string => new URL(url).port

test('every refusal, and every other program on the port, has a message that says what to do', async () => {
  const folder = temporaryFolder()
  for (const name of ['home', 'home/work', 'cwd']) mkdirSync(join(folder, name))
  for (const [name, token] of Object.entries({ right: TOKEN, wrong: TOKEN.replace('right', 'wrong') }))
    writeFileSync(join(folder, name), token)
  const home = { ...process.env, HOME: join(folder, 'home') }
  const guarded = await startServer(['--ws-auth', 'capability-token', '--ws-token-file', join(folder, 'right')], home)
  const capability = await startServer(['--capability-url'])
  const full = await startServer(['--max-connections', '1'])
  const holder = await Client.connect(full.url)
  const web = createWebServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 404, { server: 'nginx/1.2' }).end('<html>\n')
  })
  const places = {
    FOLDER: folder,
    TOKENPORT: portOf(guarded.url),
    CAPABILITYPORT: portOf(capability.url),
    FULLPORT: portOf(full.url),
    WEBPORT: await listen(web),
    SSHPORT: await saying('SSH-2.0-OpenSSH_9.6\r\n'),
    MAILPORT: await saying('220 mail ESMTP\r\n'),
    CLOSINGPORT: await saying(''),
    TLSPORT: await listen(createTlsServer(certificate, (socket) => socket.on('error', () => {}))),
  }
  const run = async (args: readonly string[], env: NodeJS.ProcessEnv) => call(args, { env })
  // The directory of the server is that of the test.
  const mask = (text: string): string => text.replaceAll(process.cwd(), 'CWD')
  await checkTranscript(join(import.meta.dirname, '..', '..', 'cli', 'messages', 'peers.txt'), run, {
    env: { PATH: process.env['PATH'], HOME: join(folder, 'home') },
    places,
    mask,
  })
  await holder.close()
})

type Line = {
  time: string
  level: string
  event: string
  status?: number
  reason?: string
  peer?: string
  why?: string
}

test('a server logs each refusal with its peer and the reason, the first as a warning, and counts them', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'token'), TOKEN)
  const options = ['--ws-auth', 'capability-token', '--ws-token-file', join(folder, 'token'), '--max-connections', '2']
  const server = await startServer([...options, '--log-level', 'info'])
  const port = Number(portOf(server.url))
  const wrong = 'authorization: Bearer hidden-token'
  assert.is((await upgrade(port, '/', [wrong])).status, 401)
  assert.is((await upgrade(port)).status, 401)
  assert.is((await upgrade(port, '/', ['origin: http://page.example'])).status, 403)
  const headers = { authorization: `Bearer ${TOKEN}` }
  const held = await Promise.all([0, 1].map(() => connect({ url: server.url, headers })))
  assert.is((await get(port, '/')).status, 503)
  await held[0]?.close()
  await eventually(async () => (await get(port, '/readyz')).status === 200)
  const refusals = (): Line[] =>
    jsonLines<Line>(server.stderr(), ['time', 'level', 'event']).filter(({ event }) => event === 'connectionRefused')
  await eventually(() => refusals().length >= 4)
  assert.equal(
    refusals()
      .slice(0, 4)
      .map(({ level, status, reason }) => [level, status, reason]),
    [
      ['warn', 401, 'token'],
      ['info', 401, 'token'],
      ['warn', 403, 'origin'],
      ['warn', 503, 'connections'],
    ],
  )
  for (const { peer } of refusals()) assert.match(peer ?? '', /^127\.0\.0\.1:\d+$/)
  assert.match(refusals()[2]?.why ?? '', /http:\/\/page\.example/)
  assert.not.match(server.stderr(), 'hidden')
  const scraped = await fetch(`http://127.0.0.1:${port}/metrics`, { headers })
  const refused = parseMetrics(await scraped.text()).get('exec_server_connections_refused_total')
  const counted = (reason: string): number | undefined => refused?.samples.get(`reason="${reason}"`)
  assert.equal(['token', 'origin', 'host'].map(counted), [2, 1, 0])
  assert.ok((counted('connections') ?? 0) > 0)
  await held[1]?.close()
  await server.stop()
})

test.run()

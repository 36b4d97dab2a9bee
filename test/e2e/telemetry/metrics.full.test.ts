/** /metrics of the real server: that the format is right, and that the numbers are. */
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { methods } from '../../../src/core/rpc/methods.ts'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { Client } from '../../support/client.ts'
import { parseMetrics, scrape } from '../../support/prometheus.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, sleep, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const httpUrl = (url: string): string => url.replace(/^ws/, 'http')

test('the strict reader takes what the format allows, and nothing else', () => {
  const good =
    '# HELP a_total Some.\n# TYPE a_total counter\na_total{x="y\\"\\\\\\n",z=""} 1e+21\n# HELP b It.\n# TYPE b gauge\nb NaN\n'
  assert.equal([...parseMetrics(good).keys()], ['a_total', 'b'])
  const bad = [
    good.slice(0, -1),
    'a 1\n',
    '# HELP a It.\na 1\n',
    '# HELP a It.\n# TYPE a gauge\n',
    '# HELP a It.\n# TYPE a counter\na 1\n',
    '# HELP a It.\n# TYPE a gauge\na 1\na 2\n',
    '# HELP a It.\n# TYPE a gauge\nb 1\n',
    '# HELP a It.\n# TYPE a gauge\na{x=y} 1\n',
    '# HELP a It.\n# TYPE a gauge\na one\n',
    '# HELP a It.\n# TYPE a gauge\n\na 1\n',
    '# HELP a It.\n# TYPE a gauge\na 1\n# HELP a It.\n# TYPE a gauge\na 1\n',
    '# HELP a_total It.\n# TYPE a_total counter\na_total -1\n',
  ]
  for (const text of bad) assert.throws(() => parseMetrics(text), text)
})

test('the page comes with its content type for GET and HEAD, and with nothing for other methods and browsers', async () => {
  const server = await startServer()
  const url = `${httpUrl(server.url)}/metrics`
  const page = await fetch(url)
  assert.equal([page.status, page.headers.get('content-type')], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  parseMetrics(await page.text())
  const head = await fetch(url, { method: 'HEAD' })
  assert.equal(
    [head.status, head.headers.get('content-type'), await head.text()],
    [200, 'text/plain; version=0.0.4; charset=utf-8', ''],
  )
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const refused = await fetch(url, { method })
    assert.equal([refused.status, refused.headers.get('allow'), await refused.text()], [405, 'GET,HEAD', ''], method)
  }
  assert.is((await fetch(url, { headers: { origin: 'http://evil.example' } })).status, 403)
  await server.stop()
})

test('a client without access gets no metrics', async () => {
  const folder = temporaryFolder('exec-server-metrics-')
  const token = 'a-token-of-thirty-two-characters'
  writeFileSync(join(folder, 'token'), token)
  const server = await startServer(['--ws-auth', 'capability-token', '--ws-token-file', join(folder, 'token')])
  const url = `${httpUrl(server.url)}/metrics`
  const refused = await fetch(url)
  assert.is(refused.status, 401)
  assert.not.match(await refused.text(), 'exec_server')
  assert.is((await fetch(url, { headers: { authorization: 'Bearer another' } })).status, 401)
  const page = await scrape(server.url, { headers: { authorization: `Bearer ${token}` } })
  assert.not.match(page.text, token)
  await server.stop()

  const secret = await startServer(['--capability-url'])
  assert.match(secret.url, /\/c\/./)
  await scrape(secret.url)
  assert.is((await fetch(`${httpUrl(new URL('/', secret.url).href)}metrics`)).status, 401)
  assert.is((await fetch(`${httpUrl(secret.url)}x/metrics`)).status, 401)
  await secret.stop()
})

test('requests, errors, connections and sessions are counted', async () => {
  const server = await startServer()
  const fresh = await scrape(server.url)
  assert.is(fresh('exec_server_requests_total', 'method="process/start"'), 0)
  const one = await Client.connect(server.url)
  const other = await Client.connect(server.url)
  for (let index = 0; index < 5; index++) await one.request('environment/status', {})
  for (const method of ['a', 'b', '__proto__']) await one.ask(method, {})
  await one.ask('fs/readFile', { path: '/there/is/no/such/file' })
  await one.ask('process/start', {})
  await one.ask('process/read', { processId: 'nobody' })
  one.send('nonsense')
  await one.until(() => one.messages.some((message) => message.includes('"id":-1')))
  await other.drop()
  await eventually(async () => (await scrape(server.url))('exec_server_sessions', 'state="detached"') === 1)
  const page = await scrape(server.url)
  const requests = (method: string): number => page('exec_server_requests_total', `method="${method}"`)
  const errors = (code: number): number => page('exec_server_errors_total', `code="${code}"`)
  assert.equal(
    ['initialize', 'environment/status', 'fs/readFile', 'process/start', 'process/read', 'unknown'].map(requests),
    [2, 5, 1, 1, 1, 3],
  )
  assert.equal(
    [
      ErrorCode.MethodNotFound,
      ErrorCode.NotFound,
      ErrorCode.InvalidParams,
      ErrorCode.InvalidRequest,
      ErrorCode.Internal,
    ].map(errors),
    [3, 1, 1, 2, 0],
  )
  assert.equal([page('exec_server_connections'), page('exec_server_connections_total')], [1, 2])
  assert.equal(
    [page('exec_server_sessions', 'state="attached"'), page('exec_server_process_starts_refused_total')],
    [1, 1],
  )
  // One series a method, whatever clients send, and one a code.
  assert.is(page.families.get('exec_server_requests_total')?.samples.size, methods.size + 2)
  assert.is(page.families.get('exec_server_errors_total')?.samples.size, Object.keys(ErrorCode).length)
  await one.close()
  await server.stop()
})

test.full('processes are counted by state, and their bytes', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  await client.start('runs', ['/bin/cat'], { pipeStdin: true })
  await client.request('process/write', { processId: 'runs', chunk: Buffer.from('12345').toString('base64') })
  await client.until(() => client.outputOf('runs').length === 5)
  await client.start('terminal', ['/bin/sleep', '100'], { tty: true })
  // Its child holds the output when it has exited.
  await client.start('exits', ['/bin/sh', '-c', 'sleep 100 & exit 0'])
  await client.until(() => client.eventsOf('exits').some(({ method }) => method === 'process/exited'))
  assert.is((await client.run('closes', ['/usr/bin/head', '-c', '100000', '/dev/zero'])).code, 0)
  await client.ask('process/start', { processId: 'refused', argv: ['/there/is/none'], cwd: '/', env: {}, tty: false })

  const page = await scrape(server.url)
  const states = ['starting', 'running', 'exited', 'closed'].map((state) =>
    page('exec_server_processes', `state="${state}"`),
  )
  assert.equal(states, [0, 2, 1, 1])
  assert.equal([page('exec_server_processes_started_total'), page('exec_server_process_starts_refused_total')], [4, 1])
  assert.equal(
    [page('exec_server_process_output_read_bytes_total'), page('exec_server_process_output_sent_bytes_total')],
    [100_005, 100_005],
  )
  assert.is(page('exec_server_process_stdin_bytes_total'), 5)
  const retained = page('exec_server_retained_output_bytes')
  assert.ok(retained >= 100_005 && retained < 200_000, `${retained} bytes retained`)
  const sent = client.messages.reduce((sum, message) => sum + Buffer.byteLength(message), 0)
  assert.is(page('exec_server_sent_bytes_total'), sent)

  for (const processId of ['runs', 'terminal', 'exits']) await client.request('process/terminate', { processId })
  await Promise.all(['runs', 'terminal', 'exits'].map((id) => client.closed(id)))
  const after = await scrape(server.url)
  assert.equal(
    ['starting', 'running', 'exited', 'closed'].map((state) => after('exec_server_processes', `state="${state}"`)),
    [0, 0, 0, 4],
  )
  await client.close()
  await server.stop()
})

test('received bytes are those of the messages', async () => {
  const server = await startServer()
  const client = await Client.open(server.url)
  const messages = [
    '{"id":1,"method":"initialize","params":{"clientName":"é"}}',
    '{"method":"initialized"}',
    '{"id":2,"method":"environment/status"}',
  ]
  for (const message of messages) client.send(message)
  await client.until(() => client.messages.length === 2)
  assert.is((await scrape(server.url))('exec_server_received_bytes_total'), Buffer.byteLength(messages.join('')))
  await client.close()
  await server.stop()
})

test.full('gauges show what waits: unread stdin and output, requests, HTTP requests, open files', async () => {
  const MiB = 1024 * 1024
  const server = await startServer()
  const client = await Client.connect(server.url)
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  atEnd(() => {
    silent.closeAllConnections()
    silent.close()
  })
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const folder = temporaryFolder('exec-server-metrics-')
  writeFileSync(join(folder, 'file'), 'x')

  await client.start('deaf', ['/bin/sleep', '100'], { pipeStdin: true })
  const chunk = Buffer.alloc(2 * MiB).toString('base64')
  await client.request('process/write', { processId: 'deaf', chunk })
  void client.ask('process/write', { processId: 'deaf', chunk })
  void client.ask('process/read', { processId: 'deaf', waitMs: 100_000 })
  void client.ask('http/request', { requestId: 'h', method: 'GET', url: `http://127.0.0.1:${port}/`, headers: [] })
  await client.request('fs/open', { handleId: 'f', path: join(folder, 'file'), mode: 'read' })
  await client.request('environment/status', {})
  const page = await scrape(server.url)
  const stdin = page('exec_server_stdin_queue_bytes')
  assert.ok(stdin > 3 * MiB && stdin <= 4 * MiB, `${stdin} bytes of stdin wait`)
  assert.is(page('exec_server_requests_in_flight'), 3)
  assert.is(page('exec_server_http_requests_in_flight'), 1)
  assert.is(page('exec_server_open_file_handles'), 1)

  const flooded = await Client.connect(server.url)
  await flooded.start('yes', ['/usr/bin/yes'])
  flooded.socket.pause()
  await eventually(
    async () => (await scrape(server.url))('exec_server_outbound_queue_bytes') > 100_000,
    10_000,
    'a queue',
  )
  await flooded.drop()
  await client.close()
  await eventually(async () => {
    const idle = await scrape(server.url)
    return [
      'exec_server_requests_in_flight',
      'exec_server_http_requests_in_flight',
      'exec_server_open_file_handles',
      'exec_server_outbound_queue_bytes',
    ].every((name) => idle(name) === 0)
  })
  await server.stop()
})

test.full('the bodies of http/request are counted', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  const peer = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.end('x'.repeat(1000)))
  }).listen(0, '127.0.0.1')
  atEnd(() => {
    peer.closeAllConnections()
    peer.close()
  })
  await once(peer, 'listening')
  const url = `http://127.0.0.1:${(peer.address() as AddressInfo).port}/`
  const request = { method: 'POST', url, headers: [], bodyBase64: Buffer.alloc(300).toString('base64') }
  await client.request('http/request', { requestId: 'a', ...request })
  await client.request('http/request', { requestId: 'b', streamResponse: true, ...request })
  await client.until(() => client.notifications.some(({ params }) => params['done'] === true))
  const page = await scrape(server.url)
  assert.equal(
    [page('exec_server_http_body_sent_bytes_total'), page('exec_server_http_body_received_bytes_total')],
    [600, 2000],
  )
  await client.close()
  await server.stop()
})

/** How long the server is held up, by which the delay is known from those of a busy machine. */
const STANDSTILL_MS = 700
/** How often the server looks, as src/server/telemetry/event-loop-delay.ts has it. */
const RESOLUTION_MS = 20

test.full('how late the event loop is, is measured from the first scrape on, and anew after each', async () => {
  const server = await startServer()
  const first = await scrape(server.url)
  const MAX = 'exec_server_event_loop_delay_max_seconds'
  assert.ok(Number.isNaN(first(MAX)))
  /** Settles when the server has measured. A timer that is due is run before the request that comes after it. */
  const measured = async (): Promise<void> => {
    for (let count = 0; count < 3; count++) {
      await sleep(2 * RESOLUTION_MS)
      await fetch(`${httpUrl(server.url)}/healthz`)
    }
  }
  await measured()
  const pid = server.child.pid as number
  process.kill(pid, 'SIGSTOP')
  await eventually(() => statFields(pid)?.[0] === 'T', 10_000, 'the standstill')
  await sleep(STANDSTILL_MS)
  process.kill(pid, 'SIGCONT')
  await measured()
  const late = await scrape(server.url)
  const max = late(MAX)
  assert.ok(max >= (STANDSTILL_MS - 2 * RESOLUTION_MS) / 1000, `${max} s`)
  const [half, most] = ['0.5', '0.99'].map((quantile) =>
    late('exec_server_event_loop_delay_seconds', `quantile="${quantile}"`),
  ) as [number, number]
  assert.ok(half >= 0 && half <= most && most <= max)
  // A scrape before the server has measured again says NaN, and begins anew.
  await eventually(
    async () => {
      await measured()
      return (await scrape(server.url))(MAX) < max
    },
    30_000,
    'a lesser delay',
  )
  await server.stop()
})

test('the server reports its release, memory, time and descriptors', async () => {
  const began = Date.now() / 1000
  const server = await startServer()
  const before = await scrape(server.url)
  const [build] = before.families.get('exec_server_build_info')?.samples.keys() ?? []
  assert.match(build as string, /^version="[\d.]+",runtime="(node|deno) [\d.]+"$/)
  assert.ok(before('process_resident_memory_bytes') > 10e6)
  const startedAt = before('process_start_time_seconds')
  // The kernel counts in ticks.
  assert.ok(startedAt >= began - 1 && startedAt <= Date.now() / 1000 + 1, `${startedAt}, not ${began}`)
  const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(server.url)))
  const after = await scrape(server.url)
  assert.ok(after('process_open_fds') - before('process_open_fds') >= 20)
  assert.ok(after('process_cpu_seconds_total') > before('process_cpu_seconds_total'))
  assert.ok(after('exec_server_uptime_seconds') > before('exec_server_uptime_seconds'))
  await Promise.all(clients.map((client) => client.close()))
  await server.stop()
})

test('nothing of what clients send is on the page', async () => {
  const server = await startServer([], { ...process.env, SOME_SECRET: 'hidden-1' })
  const client = await Client.connect(server.url)
  await client.run('hidden-2', ['/bin/echo', 'hidden-3'], { env: { HIDDEN: 'hidden-4' }, cwd: '/tmp' })
  await client.ask('hidden-5', {})
  await client.ask('fs/readFile', { path: '/hidden-6' })
  assert.not.match((await scrape(server.url)).text, 'hidden')
  await client.close()
  await server.stop()
})

test.run()

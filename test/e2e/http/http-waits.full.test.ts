/** http/request where seconds must pass: the time that requests are given at the end, and silent peers. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as assert from 'uvu/assert'
import { defaultLimits } from '../../../src/core/base/limits.ts'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import {
  ask,
  bodyOf,
  endOf,
  HANDSHAKE,
  MiB,
  request,
  standstill,
  startStdio,
  stream,
  textOf,
} from '../../support/web/http.ts'
import { serverCommand, startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { isTimerOver } from '../../support/time/timers.ts'
import { head, plainEnvironment, pour, reply, Web } from '../../support/web/web.ts'

const test = suite('http/request: what takes its time')

/** A program whose stdin ends while peers of its requests will never have answered. */
async function endWithoutAnswers() {
  const web = await Web.start(({ target }, socket) => {
    if (target === '/endless') socket.write(`${head(200)}part`)
    if (target === '/half') socket.write(`${head(200, [['content-length', 10]])}part`)
  })
  const program = startStdio()
  program.child.stdin.end(
    HANDSHAKE + request(2, web.url('/never')) + request(4, web.url('/half')) + request(5, web.url('/endless')),
  )
  const before = performance.now()
  const code = await program.exit
  await web.stop()
  return { program, code, ms: performance.now() - before }
}

/** Idle connections are kept for four seconds. */
const SILENT_MS = 4700

/** Requests to a peer that is silent for longer than idle connections are kept. */
async function askTheSilent() {
  const web = await Web.start(({ target }, socket) => {
    if (target === '/body') socket.write(`${head(200, [['content-length', 8]])}earl`)
    setTimeout(() => socket.write(target === '/body' ? 'late' : reply('late')), SILENT_MS)
  })
  const server = await startServer([], plainEnvironment())
  const client = await Client.connect(server.url)
  const late = ask(client, web.url('/head'))
  await stream(client, 'silent', web.url('/body'))
  const outcome = {
    late: textOf(await late),
    end: await endOf(client, 'silent'),
    body: bodyOf(client, 'silent').toString(),
  }
  await client.close()
  await server.stop()
  await web.stop()
  return outcome
}

/** A program whose parent reads a little of a stream, ends stdin and goes to sleep. Tells its exit code. */
async function endUnread() {
  let written = (): number => 0
  const web = await Web.start((_, socket) => {
    socket.write(head(200))
    written = pour(socket, 1024 * MiB, Buffer.alloc(64 * 1024))
  })
  const [command, args] = serverCommand(['--listen', 'stdio'])
  const child = endWithTest(spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: plainEnvironment() }))
  const exit = once(child, 'exit')
  child.stdin.write(HANDSHAKE + request(2, web.url(), { streamResponse: true }))
  await standstill(() => written())
  child.stdin.end()
  const [code, signal] = (await exit) as [number | null, string | null]
  await web.stop()
  return code ?? signal
}

test('those that are not in time end with an error, and the server with them', async () => {
  const { program, code, ms } = await endWithoutAnswers()
  assert.is(code, 0)
  assert.ok(isTimerOver(ms, defaultLimits.httpClosingMs), `${ms} ms`)
  for (const id of [2, 4, 5]) assert.is(program.answer(id)?.error?.code, -32603, String(id))
  assert.is(program.stderr(), '')
})

test('a parent that has ended stdin and does not read ends the server, too, whatever is streaming', async () => {
  assert.is(await endUnread(), 0)
})

test('a peer may be silent for longer than idle connections are kept', async () => {
  const { late, end, body } = await askTheSilent()
  assert.equal([late, end.error, body], ['late', null, 'earllate'])
})

test.run()

/** http/request and the end of a server. */
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { HANDSHAKE, request, startStdio, stream } from '../../support/web/http.ts'
import { eventually, startServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { head, plainEnvironment, reply, Web } from '../../support/web/web.ts'

const test = suite('http/request: the end')

test('after the end of stdin requests under way are still answered, if they are in time; streams end with an error', async () => {
  let answerLate = (): void => {}
  const web = await Web.start(({ target }, socket) => {
    if (target === '/late') answerLate = () => void socket.write(reply('late'))
    else socket.write(`${head(200, [['transfer-encoding', 'chunked']])}4\r\npart\r\n`)
  })
  const program = startStdio()
  program.child.stdin.write(
    HANDSHAKE + request(2, web.url('/late')) + request(3, web.url('/stream'), { streamResponse: true }),
  )
  await eventually(() => program.deltas().length > 0)
  program.child.stdin.end()
  // Streams end as soon as stdin does.
  await eventually(() => program.deltas().some(({ done }) => done), 30_000, 'the end of the stream')
  answerLate()
  assert.is(await program.exit, 0)
  assert.is(program.answer(2)?.result?.bodyBase64, btoa('late'))
  assert.equal(
    program.deltas().map(({ deltaBase64, done }) => [deltaBase64, done]),
    [
      [btoa('part'), false],
      ['', true],
    ],
  )
  assert.match(program.deltas().at(-1)?.error ?? '', /^error decoding response body/)
  assert.is(program.stderr(), '')
  await web.stop()
})

test('SIGTERM ends a server at once, whatever it has under way', async () => {
  const web = await Web.start(({ target }, socket) => {
    if (target === '/stream') socket.write(`${head(200)}part`)
  })
  const server = await startServer([], plainEnvironment())
  const client = await Client.connect(server.url)
  await stream(client, 's', web.url('/stream'))
  void client.ask('http/request', { method: 'GET', url: web.url('/silent'), requestId: 'x' })
  const stdio = startStdio()
  stdio.child.stdin.write(
    HANDSHAKE + request(2, web.url('/silent')) + request(3, web.url('/stream'), { streamResponse: true }),
  )
  await eventually(() => web.asked.length === 4 && stdio.messages().length >= 2)
  process.kill(stdio.child.pid as number, 'SIGTERM')
  assert.is(await server.stop(), 0)
  assert.is(await stdio.exit, 0)
  // Those that are given their time to end are answered at its end.
  assert.is(stdio.answer(2), undefined)
  await eventually(() => web.sockets.size === 0, 30_000, 'the end of all connections')
  assert.equal([server.stderr(), stdio.stderr()], ['', ''])
  await web.stop()
})

test.run()

/** Streamed bodies at the end of stdin, on a real server: at every stage each has exactly one end, and none is cut in silence. */
import * as assert from 'uvu/assert'
import { eventually } from '../../support/server.ts'
import { startStdioServer } from '../../support/stdio-server.ts'
import { test } from '../../support/suite.ts'
import { head, plainEnvironment, pour, Web } from '../../support/web/web.ts'

const MiB = 1024 * 1024
const HANDSHAKE = '{"id":1,"method":"initialize","params":{"clientName":"x"}}\n{"method":"initialized"}\n'

type Delta = { requestId: string; seq: number; deltaBase64: string; done: boolean; error: string | null }
type Message = { id?: number; result?: object; error?: { code: number; message: string }; params?: Delta }

/** One request for each path, by a program that ends stdin once `when` is true of what it has been told. */
async function endStdin(web: Web, paths: readonly string[], when: (messages: readonly Message[]) => boolean) {
  const { child, lines, exit, stderr } = startStdioServer('stdio', plainEnvironment())
  const messages = (): Message[] => lines.map((line) => JSON.parse(line))
  const requests = paths.map((path, index) => {
    const params = { method: 'GET', url: web.url(path), requestId: path, streamResponse: true }
    return `${JSON.stringify({ id: index + 2, method: 'http/request', params })}\n`
  })
  child.stdin.write(HANDSHAKE + requests.join(''))
  await eventually(() => when(messages()), 15_000)
  child.stdin.end()
  assert.is(await exit, 0)
  assert.is(stderr(), '')
  return (path: string) => {
    const deltas = messages().flatMap(({ params }) => (params?.requestId === path ? [params] : []))
    return {
      answers: messages().filter(({ id }) => id === paths.indexOf(path) + 2),
      seqs: deltas.map(({ seq }) => seq),
      ends: deltas.filter(({ done }) => done),
      body: Buffer.concat(deltas.map(({ deltaBase64 }) => Buffer.from(deltaBase64, 'base64'))),
    }
  }
}

const content = Buffer.alloc(8 * MiB, Array.from({ length: 251 }, (_, index) => index).join())

const serveContent = (): Promise<Web> =>
  Web.start(({ target }, socket) => {
    if (target.startsWith('/silent')) return
    if (target.startsWith('/open')) return void socket.write(`${head(200)}part`)
    socket.write(head(200, [['content-length', content.length]]))
    pour(socket, content.length, content)
  })

test('a body under way when stdin ends is cut off with an error that says so, and is never taken for whole', async () => {
  const web = await serveContent()
  const paths = ['/silent', '/open', '/large1', '/large2', '/large3']
  let wereCut = 0
  for (const deltas of [0, 2, 20]) {
    const told = await endStdin(
      web,
      paths,
      (messages) => messages.filter(({ params }) => params !== undefined).length >= deltas,
    )
    for (const path of paths) {
      const { answers, seqs, ends, body } = told(path)
      assert.is(answers.length, 1, path)
      const [answer] = answers
      if (answer?.error !== undefined) {
        assert.is(answer.error.code, -32603)
        assert.match(answer.error.message, /: the connection is closing$/)
        assert.equal(seqs, [], path)
        continue
      }
      assert.equal(
        seqs,
        seqs.map((_, index) => index + 1),
      )
      assert.is(ends.length, 1, path)
      assert.ok(content.subarray(0, body.length).equals(body) || body.toString() === 'part', path)
      if (ends[0]?.error === null) assert.is(body.length, content.length, path)
      else assert.is(ends[0]?.error, 'error decoding response body: the connection is closing', path)
      if (ends[0]?.error !== null) wereCut++
    }
  }
  assert.ok(wereCut > 0)
  await web.stop()
})

test.run()

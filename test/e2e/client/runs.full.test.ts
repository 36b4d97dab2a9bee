/** Runs of a server, and those that outlive their client, in the client library. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { connect, UnsupportedError } from '../../../src/client/index.ts'
import type { ExecClient, RunEvent } from '../../../src/client/index.ts'
import { createServer } from '../../../src/embed/index.ts'
import type { Server } from '../../../src/embed/index.ts'
import { atEnd } from '../../support/scope.ts'
import { suite } from '../../support/suite.ts'
import { startPlainRelay } from './support/plain-relay.ts'

const test = suite('runs in the client library')
let server: Server
let client: ExecClient

test.before.each(async () => {
  server = await createServer({ listen: 'ws://127.0.0.1:0' })
  atEnd(() => server.close())
  client = await connected()
})

async function connected(clientName = 'first'): Promise<ExecClient> {
  const client = await connect(server.url ?? '', { clientName })
  atEnd(() => client.close())
  return client
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)

/** A command that ends once the returned function is called. */
function held(then: string): { argv: string[]; release: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'runs-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'go')
  return {
    argv: ['sh', '-c', `until [ -e "$0" ]; do sleep 0.02; done; ${then}`, file],
    release: () => writeFileSync(file, ''),
  }
}

async function logsOf(run: number | string, options: Parameters<ExecClient['logs']>[1] = {}): Promise<string> {
  const texts: string[] = []
  for await (const entry of client.logs(run, options))
    texts.push(entry.type === 'output' ? text(entry.bytes) : `[${entry.bytes} dropped]`)
  return texts.join('')
}

test('a detached run goes on without the client that has started it', async () => {
  const { argv, release } = held('seq 5; exit 6')
  const starter = await connected('starter')
  const { run } = await starter.startDetached({ argv, name: 'job' })
  await starter.close()
  release()
  const { exitCode, exited, closed } = await client.waitFor('job', { until: 'close' })
  assert.equal([exitCode, exited, closed], [6, true, true])
  assert.is(await logsOf(run), '1\n2\n3\n4\n5\n')
  assert.is(await logsOf('job', { position: 4 }), '3\n4\n5\n')
  assert.is(await logsOf('job', { lastBytes: 2 }), '5\n')
  assert.is(await logsOf('job', { since: new Date(Date.now() + 60_000) }), '')
  await client.removeRun('job')
  assert.match(String(await client.waitFor('job').catch((error: unknown) => error)), /unknown run/)
})

test('disposing of the handle of a detached run leaves it alone', async () => {
  const { argv, release } = held('exit 3')
  {
    await using run = await client.startDetached({ argv, name: 'left' })
    assert.is((await client.waitFor('left', { timeoutMs: 0 })).exited, false)
    assert.ok(run.run > 0)
  }
  release()
  assert.is((await client.waitFor('left')).exitCode, 3)
})

test('logs that follow go on until the run has ended', async () => {
  const { argv, release } = held('echo last')
  await client.startDetached({ argv: ['sh', '-c', `echo first; exec "$@"`, 'sh', ...argv], name: 'followed' })
  const entries = client.logs('followed', { follow: true })
  const first = await entries.next()
  assert.is(first.value?.type === 'output' && text(first.value.bytes), 'first\n')
  release()
  const rest: string[] = []
  for await (const entry of entries) if (entry.type === 'output') rest.push(text(entry.bytes))
  assert.is(rest.join(''), 'last\n')
})

test('a handle waits for an exit without reading what the process writes', async () => {
  const { argv, release } = held('head -c 3000000 /dev/zero; exit 9')
  const run = await client.startDetached({ argv, name: 'quiet' })
  const second = await client.attach('quiet')
  const exits = Promise.all([run.wait(), second.wait()])
  release()
  assert.equal(
    (await exits).map(({ exitCode }) => exitCode),
    [9, 9],
  )
  const metrics = await (await fetch(`${(server.url ?? '').replace('ws:', 'http:')}/metrics`)).text()
  assert.match(metrics, /requests_total\{method="process\/read"\} 0\n/)
})

test('a snapshot has both ends of each stream, and the screen of a terminal', async () => {
  const process = await client.start({ argv: ['sh', '-c', 'seq 300000; echo problem >&2; exit 4'] })
  await process.output()
  const { stdout, stderr, terminal, running, exitCode, argv } = await process.snapshot({ maxBytes: 4096 })
  assert.equal([running, exitCode, argv[0], terminal], [false, 4, 'sh', undefined])
  assert.ok(text(stdout?.head).startsWith('1\n2\n') && text(stdout?.tail).endsWith('\n300000\n'))
  const kept = (stdout?.head.length ?? 0) + (stdout?.tail.length ?? 0)
  assert.equal([stdout?.truncated, (stdout?.droppedBytes ?? 0) + kept], [true, stdout?.totalBytes])
  assert.equal([text(stderr?.head), stderr?.truncated], ['problem\n', false])
  const drawing = await client.start({
    argv: ['sh', '-c', String.raw`printf '\033[?1049h\033[2J\033[3;5Hhello'; exec sleep 1000`],
    tty: { rows: 10, columns: 30 },
  })
  for await (const event of drawing) if (event.type === 'output' && text(event.bytes).includes('hello')) break
  const { screen, stdout: none } = await drawing.snapshot()
  assert.equal([screen?.lines[2], screen?.alternate, screen?.rows, none], ['    hello', true, 10, undefined])
  await drawing.terminate()
})

test('all runs of the server are followed without polling: starts, failures, exits, ends and removals', async () => {
  const other = await connected('other')
  await other.startDetached({ argv: ['sleep', '1000'], name: 'before' })
  const events = client.processes[Symbol.asyncIterator]()
  const next = async (): Promise<RunEvent> => (await events.next()).value as RunEvent
  const list = await next()
  assert.equal(list.type === 'list' && list.processes.map(({ name }) => name), ['before'])
  const { argv, release } = held('exit 5')
  await other.startDetached({ argv, name: 'job' })
  const started = await next()
  assert.equal([started.type, started.type === 'started' && started.process.name], ['started', 'job'])
  release()
  const [exited, closed] = [await next(), await next()]
  for (const event of [exited, closed])
    assert.equal(event.type !== 'list' && [event.process.name, event.process.exitCode], ['job', 5])
  assert.equal([exited.type, closed.type], ['exited', 'closed'])
  await other.start({ argv: ['/nowhere'] }).catch(() => {})
  const failed = await next()
  assert.ok(failed.type === 'failed' && failed.message !== '' && failed.process.argv[0] === '/nowhere')
  await other.removeRun('job')
  assert.is((await next()).type, 'removed')
  await events.return?.()
})

test('with a server that lacks all this, each call says so', async () => {
  const relay = await startPlainRelay(server.url ?? '')
  await using plain = await connect(relay.url)
  const calls: (() => Promise<unknown>)[] = [
    () => plain.startDetached({ argv: ['true'] }),
    () => plain.snapshot(1),
    () => plain.waitFor(1),
    () => plain.removeRun(1),
    async () => plain.logs(1).next(),
    async () => plain.processes[Symbol.asyncIterator]().next(),
  ]
  for (const call of calls) assert.instance(await call().catch((error: unknown) => error), UnsupportedError)
})

test.run()

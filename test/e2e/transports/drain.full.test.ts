/** How a real server ends: what runs is given its time, what is new is refused, and nothing that was said is lost. */
import { once } from 'node:events'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { eventually, isAlive, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { startStdioServer } from '../../support/stdio-server.ts'
import type { StdioServer } from '../../support/stdio-server.ts'
import { test } from '../../support/suite.ts'
import { isTimerOver } from '../../support/time/timers.ts'

const OVERLOADED = -32001
const script = (text: string): string[] => ['/bin/sh', '-c', text]

const signal = ({ child }: Pick<RunningServer, 'child'>, name: NodeJS.Signals): void =>
  void process.kill(child.pid as number, name)

/** More than a test may take: whoever waits for it fails. */
const LONG_S = 600
const DRAIN_LONG = ['--drain-seconds', String(LONG_S)]

/** The exit code. */
async function end({ child }: RunningServer): Promise<number | null> {
  const [code] = child.exitCode === null ? ((await once(child, 'exit')) as [number | null]) : [child.exitCode]
  return code
}

const health = async ({ url }: RunningServer, path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(url.replace('ws:', 'http:') + path)
  return { status: response.status, text: await response.text() }
}

const drains = (server: RunningServer): Promise<void> =>
  eventually(async () => (await health(server, '/readyz')).status === 503, 30_000, 'a drain')

const NEWLINE = Buffer.from('\n').toString('base64')

const pidIn = (client: Client, processId: string): Promise<number> =>
  client.until(() => Number(/\d+/.exec(client.outputOf(processId).toString())?.[0]) || undefined)

async function drainsAt(name: NodeJS.Signals): Promise<void> {
  const server = await startServer(DRAIN_LONG)
  const client = await Client.connect(server.url)
  const lost = await Client.connect(server.url)
  assert.equal(await health(server, '/readyz'), { status: 200, text: '' })
  // Each goes on when it is told to, which is when the server is draining.
  const counts = script('i=0; while read x; do echo line $i; i=$((i+1)); done; head -c 3000000 /dev/zero; exit 7')
  await client.start('pipe', counts, { pipeStdin: true })
  await client.start('terminal', script('stty -echo; read x; echo from the terminal'), { tty: true })
  await lost.start('lost', script('read x; echo lost and found; exit 4'), { pipeStdin: true })
  await lost.drop()
  const exit = end(server)
  signal(server, name)
  await drains(server)
  assert.equal(await health(server, '/readyz'), { status: 503, text: 'draining' })
  assert.is((await health(server, '/healthz')).status, 200)

  const late = await Client.open(server.url)
  const hello = { clientName: 'late', resumeSessionId: null }
  for (const { error } of [
    await late.ask('initialize', hello),
    await client.ask('process/start', { processId: 'new', argv: ['/bin/true'], cwd: '/', env: {}, tty: false }),
    await client.ask('fs/readFile', { path: '/etc/passwd' }),
    await client.ask('http/request', { method: 'GET', url: 'http://127.0.0.1:9/', requestId: 'h' }),
  ]) {
    assert.is(error?.code, OVERLOADED)
    assert.match(error?.message as string, /^the server is draining: /)
  }
  // Whoever had lost the connection may come back to what runs.
  const heir = await Client.connect(server.url, lost.sessionId)
  await heir.request('process/write', { processId: 'lost', chunk: NEWLINE })
  assert.is(await heir.closed('lost'), 4)
  assert.is(heir.outputOf('lost').toString(), 'lost and found\n')
  for (let index = 0; index < 20; index++) {
    await client.request('process/write', { processId: 'pipe', chunk: NEWLINE })
    await client.until(() => client.outputOf('pipe').includes(`line ${index}\n`))
  }
  await client.request('process/write', { processId: 'terminal', chunk: NEWLINE })
  await client.request('process/closeStdin', { processId: 'pipe' })
  assert.is(await client.closed('pipe'), 7)
  await client.closed('terminal')
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}\n`).join('')
  const output = client.outputOf('pipe')
  assert.is(output.length, lines.length + 3_000_000)
  assert.is(output.subarray(0, lines.length).toString(), lines)
  assert.is(client.outputOf('terminal').toString(), 'from the terminal\r\n')
  assert.is(await exit, 0)
  await client.until(() => client.closeCode === 1001)
  assert.is(server.stderr(), '')
  await Client.open(server.url).then(
    () => assert.unreachable('somebody still listens'),
    () => {},
  )
}

const DRAINING =
  'running work comes to its own end, with all of its output and its exit code, while new work is refused'
test(DRAINING, () => drainsAt('SIGTERM'))
for (const name of ['SIGINT', 'SIGHUP'] as const) test.full(`${DRAINING}: ${name}`, () => drainsAt(name))

test('a client that only polls process/read gets the last of it', async () => {
  const server = await startServer(DRAIN_LONG)
  const client = await Client.connect(server.url)
  await client.start('p', script('read x; echo one; read x; echo two; exit 5'), { pipeStdin: true })
  const exit = end(server)
  signal(server, 'SIGTERM')
  await drains(server)
  let [output, afterSeq] = ['', 0]
  const goOn = (): Promise<unknown> => client.request('process/write', { processId: 'p', chunk: NEWLINE })
  await goOn()
  for (;;) {
    const { chunks, nextSeq, closed, exitCode } = await client.request('process/read', {
      processId: 'p',
      afterSeq,
      waitMs: 60_000,
    })
    output += chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64').toString()).join('')
    afterSeq = nextSeq - 1
    if (output === 'one\n') await goOn()
    if (!closed) continue
    assert.is(exitCode, 5)
    break
  }
  assert.is(output, 'one\ntwo\n')
  assert.is(await exit, 0)
})

test('what has not ended when the time is up is killed, and not before', async () => {
  const drainMs = 1000
  const server = await startServer(['--drain-seconds', String(drainMs / 1000)])
  const client = await Client.connect(server.url)
  await client.start('deaf', script('trap "" TERM HUP INT; echo $$; sleep 600 & wait'))
  await client.start('done', script('echo done'))
  const pid = await pidIn(client, 'deaf')
  const begun = performance.now()
  const elapsed = (): number => performance.now() - begun
  const waiting = client.ask('process/read', { processId: 'deaf', afterSeq: 1, waitMs: LONG_S * 1000 }).then(elapsed)
  const exit = end(server).then((code) => ({ code, ms: elapsed() }))
  signal(server, 'SIGTERM')
  const { code, ms } = await exit
  assert.is(code, 0)
  assert.ok(isTimerOver(ms, drainMs), `${ms} ms`)
  await eventually(() => !isAlive(pid), 30_000, 'its death')
  // Whoever waited for the process was answered at its end, before the close.
  const waited = await waiting
  assert.ok(isTimerOver(waited, drainMs), `${waited} ms`)
  assert.is(client.closeCode, 1001)
})

async function isEndedBy(first: NodeJS.Signals, second: NodeJS.Signals): Promise<void> {
  const server = await startServer(DRAIN_LONG)
  const client = await Client.connect(server.url)
  await client.start('p', script('echo $$; exec sleep 600'))
  const pid = await pidIn(client, 'p')
  signal(server, first)
  await drains(server)
  assert.ok(isAlive(pid))
  const exit = end(server)
  signal(server, second)
  assert.is(await exit, 0)
  await eventually(() => !isAlive(pid), 30_000, 'its death')
}

test('a second signal does not wait', () => isEndedBy('SIGTERM', 'SIGINT'))
for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGINT', 'SIGTERM'],
  ['SIGHUP', 'SIGINT'],
] as const) {
  test.full(`a second signal does not wait: ${first}, ${second}`, () => isEndedBy(first, second))
}

test('without running processes the server ends at once, whatever is connected and whatever was asked before', async () => {
  const server = await startServer(DRAIN_LONG)
  const [client, silent] = [await Client.connect(server.url), await Client.open(server.url)]
  await client.run('p', script('echo x'))
  // A watch waits for something, and nobody waits for it.
  await client.request('fs/watchMissing', { watchId: 1, missing: ['/no/such/file'], present: null })
  await client.ask('process/read', { processId: 'p', afterSeq: 100, waitMs: 60_000 })
  const exit = end(server)
  signal(server, 'SIGTERM')
  assert.is(await exit, 0)
  for (const { closeCode } of [client, silent]) assert.is(closeCode, 1001)
})

test('a read that is parked at a process is released by its end, and holds nothing up', async () => {
  const server = await startServer(DRAIN_LONG)
  const client = await Client.connect(server.url)
  await client.start('p', script('read x'), { pipeStdin: true })
  const reads = Array.from({ length: 20 }, () =>
    client.request('process/read', { processId: 'p', waitMs: LONG_S * 1000 }),
  )
  const exit = end(server)
  signal(server, 'SIGTERM')
  await drains(server)
  await client.request('process/write', { processId: 'p', chunk: NEWLINE })
  for (const { exitCode } of await Promise.all(reads)) assert.is(exitCode, 0)
  assert.is(await exit, 0)
})

test('without --drain-seconds a signal ends everything at once', async () => {
  const server = await startServer()
  const client = await Client.connect(server.url)
  await client.start('p', script('echo $$; exec sleep 600'))
  const pid = await pidIn(client, 'p')
  const exit = end(server)
  signal(server, 'SIGHUP')
  assert.is(await exit, 0)
  await eventually(() => !isAlive(pid), 30_000, 'its death')
})

test('on stdio it is the same: stdin is read on, what runs ends by itself, and a second signal or the end of stdin ends it', async () => {
  const hello = '{"id":1,"method":"initialize","params":{"clientName":"x"}}\n{"method":"initialized"}\n'
  const begin = (id: number, text: string): string =>
    `{"id":${id},"method":"process/start","params":{"processId":"p${id}","argv":["/bin/sh","-c",${JSON.stringify(text)}],"cwd":"/","env":{"PATH":"/bin:/usr/bin"},"tty":false,"pipeStdin":true}}\n`
  const messages = (lines: string[]): any[] => lines.map((line) => JSON.parse(line))
  const answer = (lines: string[], id: number): any => messages(lines).find((message) => message.id === id)

  /** Settles when new work is refused. */
  const refuses = ({ child, lines }: Pick<StdioServer, 'child' | 'lines'>): Promise<void> => {
    let id = 1000
    return eventually(
      async () => {
        child.stdin.write(`{"id":${++id},"method":"fs/getMetadata","params":{"path":"/"}}\n`)
        await eventually(() => answer(lines, id) !== undefined, 30_000, 'an answer')
        return answer(lines, id).error?.code === OVERLOADED
      },
      30_000,
      'a drain',
    )
  }

  const { child, lines, exit, stderr } = startStdioServer('stdio', process.env, DRAIN_LONG)
  child.stdin.write(hello + begin(2, 'read x; echo $x; exit 9'))
  await eventually(() => answer(lines, 2) !== undefined, 30_000, 'a start')
  signal({ child }, 'SIGTERM')
  await refuses({ child, lines })
  child.stdin.write(
    begin(3, 'true') + '{"id":4,"method":"process/write","params":{"processId":"p2","chunk":"d29yZAo="}}\n',
  )
  assert.is(await exit, 0)
  assert.is(answer(lines, 3).error.code, OVERLOADED)
  assert.is(answer(lines, 4).result.status, 'accepted')
  const events = messages(lines).filter(({ params }) => params?.processId === 'p2')
  assert.equal(
    events.map(({ method }) => method),
    ['process/output', 'process/exited', 'process/closed'],
  )
  assert.is(atob(events[0].params.chunk), 'word\n')
  assert.is(events[1].params.exitCode, 9)
  assert.is(stderr(), '')

  for (const last of ['signal', 'end'] as const) {
    const other = startStdioServer('stdio', process.env, DRAIN_LONG)
    other.child.stdin.write(hello + begin(2, 'sleep 600'))
    await eventually(() => answer(other.lines, 2) !== undefined, 30_000, 'a start')
    signal(other, 'SIGTERM')
    await refuses(other)
    assert.is(other.child.exitCode, null)
    if (last === 'signal') signal(other, 'SIGINT')
    else other.child.stdin.end()
    assert.is(await other.exit, 0)
  }
})

test.run()

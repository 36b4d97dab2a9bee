/** The limits that flags set, each on a real server with a small one: a clear error, no harm to others, and room again. */
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import type { Answer } from '../../support/client.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isDeno, sleep, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { exceptRefusals } from '../../support/with-server.ts'

const MiB = 1024 * 1024
const OVERLOADED = -32001
const SH = '/bin/sh'
/** The least that the flag takes. */
const HANDSHAKE_MS = 1000

const flagged = async (use: (server: RunningServer) => Promise<void>, ...flags: string[]): Promise<void> => {
  const server = await startServer(flags)
  try {
    await use(server)
    assert.is(exceptRefusals(server.stderr()), '')
  } finally {
    await server.stop()
  }
}

const descriptorsOf = ({ child }: RunningServer): number => readdirSync(`/proc/${child.pid}/fd`).length

/** A bare socket: what it was sent, and when it was closed. */
function dial({ url }: RunningServer): { socket: Socket; text: () => string; isClosed: () => boolean } {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let [text, closed] = ['', false]
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  socket.on('end', () => (closed = true))
  socket.on('close', () => (closed = true))
  socket.on('error', () => {})
  return { socket, text: () => text, isClosed: () => closed }
}

const refusedWith = ({ error }: Answer, text: RegExp): void => {
  assert.is(error?.code, OVERLOADED, JSON.stringify(error))
  assert.match(error?.message as string, text)
}

// ---- sockets ----

test('one client above the limit gets a 503, and the others are not affected', () =>
  flagged(
    async (server) => {
      const clients = [await Client.connect(server.url), await Client.connect(server.url)]
      const silent = dial(server)
      await once(silent.socket, 'connect')
      // Sockets that say nothing do not count.
      clients.push(await Client.connect(server.url))
      let refused = dial(server)
      await eventually(refused.isClosed)
      assert.match(refused.text(), /^HTTP\/1\.1 503 Service Unavailable\r\n[^]*\r\n\r\ntoo many connections: 3\n$/)
      await Client.open(server.url).then(
        () => assert.unreachable(),
        (error: Error) => assert.match(error.message, /503/),
      )
      for (const client of clients) assert.equal(await client.request('environment/status', null), { status: 'ready' })
      assert.not(silent.isClosed())
      silent.socket.destroy()
      // One that goes makes room.
      await clients[0]?.drop()
      await eventually(
        async () =>
          (await Client.open(server.url).then(
            (client) => client.close(),
            () => true,
          )) === undefined,
      )
      refused = dial(server)
      await once(refused.socket, 'connect')
      assert.not(refused.isClosed())
      refused.socket.destroy()
      await clients[1]?.close()
      await clients[2]?.close()
    },
    '--max-connections',
    '3',
  ))

test('more silent sockets and WebSockets than there may be keep no client out, and cut off none', () =>
  flagged(async (server) => {
    const owner = await Client.connect(server.url)
    const sockets = Array.from({ length: 1100 }, () => dial(server))
    await eventually(() => sockets.filter(({ isClosed }) => isClosed()).length >= 76, 30_000, 'the end of the oldest')
    const late = await Client.connect(server.url)
    for (const client of [owner, late]) assert.ok((await client.request('environment/status', null)).status)
    for (const { socket } of sockets) socket.destroy()
    await late.close()
    await owner.close()
  }))

test('a crowd of refused sockets leaves nothing behind', () =>
  flagged(
    async (server) => {
      const client = await Client.connect(server.url)
      const before = descriptorsOf(server)
      const crowd = Array.from({ length: 100 }, () => dial(server))
      await eventually(() => crowd.every(({ isClosed }) => isClosed()), 20_000, 'the end of all')
      assert.ok(crowd.filter(({ text }) => text().includes(' 503 ')).length > 0)
      assert.ok((await client.request('environment/status', null)).status)
      for (const { socket } of crowd) socket.destroy()
      await eventually(() => descriptorsOf(server) <= before, 10_000, 'their descriptors back')
      await client.close()
    },
    '--max-connections',
    '1',
  ))

test('a socket that does not come to its upgrade in time is closed, however slowly it goes on talking', () =>
  flagged(
    async (server) => {
      // What is opened once and kept is not what this counts.
      await (await Client.connect(server.url)).close()
      const before = descriptorsOf(server)
      const begun = performance.now()
      const sockets = {
        silent: dial(server),
        half: dial(server),
        drip: dial(server),
        body: dial(server),
        idle: dial(server),
      }
      const closedAt = new Map<string, number>()
      for (const [name, { socket }] of Object.entries(sockets))
        socket.once('close', () => closedAt.set(name, performance.now() - begun))
      sockets.half.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n')
      sockets.idle.socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
      sockets.drip.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nX: ')
      sockets.body.socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n')
      const dripping = setInterval(() => {
        if (!sockets.drip.isClosed()) sockets.drip.socket.write('x')
        if (!sockets.body.isClosed()) sockets.body.socket.write('x')
      }, 50)
      atEnd(() => clearInterval(dripping))
      await eventually(() => closedAt.size === 5, 15_000, 'the end of all')
      clearInterval(dripping)
      for (const name of ['silent', 'half', 'drip'])
        assert.ok((closedAt.get(name) as number) >= HANDSHAKE_MS - 100, `${name}: ${closedAt.get(name)} ms`)
      assert.match(sockets.idle.text(), /^HTTP\/1\.1 200 /)
      // A client that has come through may take its time.
      const waiting = await Client.open(server.url)
      const late = dial(server)
      await eventually(late.isClosed, 15_000, 'the end of one that came later')
      assert.is(waiting.closeCode, undefined)
      assert.ok((await waiting.request('initialize', { clientName: 'slow', resumeSessionId: null })).sessionId)
      await waiting.close()
      await eventually(() => descriptorsOf(server) <= before, 5000, 'their descriptors back')
    },
    '--handshake-seconds',
    String(HANDSHAKE_MS / 1000),
  ))

// Deno itself ends a connection after an answer, unless more was sent by then.
const testKept = isDeno ? test.skip : test

testKept('a connection on which request after request comes is not cut', () =>
  flagged(
    async (server) => {
      const { socket, text, isClosed } = dial(server)
      let round = 0
      // For so long that two others, who say nothing, are cut one after the other.
      for (let others = 0; others < 2; others++) {
        const silent = dial(server)
        do {
          socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
          round++
          await eventually(() => text().split('HTTP/1.1 200 ').length === round + 1, 10_000, `answer ${round}`)
          // A moment in which the connection is idle, as it is between two requests of a person.
          await sleep(HANDSHAKE_MS / 5)
        } while (!silent.isClosed())
      }
      assert.not(isClosed())
      socket.destroy()
    },
    '--handshake-seconds',
    String(HANDSHAKE_MS / 1000),
  ),
)

// ---- sessions and processes ----

test('a session more than there may be is refused; its connection may resume one, or try again later', () =>
  flagged(
    async (server) => {
      const [one, other] = [await Client.connect(server.url), await Client.connect(server.url)]
      await one.start('p', [SH, '-c', 'sleep 60'])
      const third = await Client.open(server.url)
      const hello = { clientName: 'third', resumeSessionId: null as string | null }
      refusedWith(await third.ask('initialize', hello), /^too many sessions: 2; /)
      await one.drop()
      refusedWith(await third.ask('initialize', hello), /^too many sessions: 2; /)
      hello.resumeSessionId = one.sessionId
      await eventually(async () => (await third.ask('initialize', hello)).result?.sessionId === one.sessionId)
      third.notify('initialized', {})
      assert.is((await third.request('process/terminate', { processId: 'p' })).running, true)
      await third.drop()
      const fourth = await Client.open(server.url)
      hello.resumeSessionId = null
      await eventually(
        async () => (await fourth.ask('initialize', hello)).result !== undefined,
        10_000,
        'the end of a session',
      )
      assert.ok((await other.request('environment/status', null)).status)
      await fourth.close()
      await other.close()
    },
    '--max-sessions',
    '2',
    '--session-ttl-seconds',
    '1',
  ))

test('a process more than a session may have is refused, others have their own, and each that closes makes room', () =>
  flagged(
    async (server) => {
      const [client, other] = [await Client.connect(server.url), await Client.connect(server.url)]
      const start = (id: string, more: object = {}): Promise<Answer> =>
        client.ask('process/start', {
          processId: id,
          argv: [SH, '-c', 'read x; exit 3'],
          cwd: '/',
          env: {},
          tty: false,
          pipeStdin: true,
          ...more,
        })
      const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => start(id, { tty: id === 'b' })))
      assert.equal(
        answers.map(({ error }) => error?.code),
        [undefined, undefined, undefined, OVERLOADED, OVERLOADED],
      )
      refusedWith(answers[4] as Answer, /^too many processes in this session: 3 /)
      await other.run('a', ['/bin/true'])
      await client.request('process/write', { processId: 'a', chunk: Buffer.from('x\n').toString('base64') })
      assert.is(await client.closed('a'), 3)
      assert.ok((await start('d')).result)
      refusedWith(await start('e'), /too many processes/)
      for (const id of ['b', 'c', 'd']) await client.request('process/terminate', { processId: id })
      for (const id of ['b', 'c', 'd']) await client.closed(id)
      // A start that fails takes no room.
      for (let count = 0; count < 5; count++)
        assert.is((await start('f', { argv: ['/no/such/program'] })).error?.code, -32603)
      assert.equal(await Promise.all(['g', 'h', 'i'].map(async (id) => (await start(id)).error)), [
        undefined,
        undefined,
        undefined,
      ])
      await client.close()
      await other.close()
    },
    '--max-processes',
    '3',
  ))

test('processes are bounded over all sessions, and what is refused says by which flag', () =>
  flagged(
    async (server) => {
      const [one, other] = [await Client.connect(server.url), await Client.connect(server.url)]
      await one.start('a', [SH, '-c', 'read x'], { pipeStdin: true })
      await other.start('a', [SH, '-c', 'read x'], { pipeStdin: true })
      const start = { processId: 'b', argv: ['/bin/true'], cwd: '/', env: {}, tty: false }
      for (const client of [one, other])
        refusedWith(await client.ask('process/start', start), /^too many processes: 2 .*--max-total-processes/)
      await one.request('process/terminate', { processId: 'a' })
      await one.closed('a')
      await other.run('b', ['/bin/true'])
      await one.close()
      await other.close()
    },
    '--max-total-processes',
    '2',
  ))

// ---- requests ----

test('of reads that wait only so many are taken, and the terminate behind the refused ones ends the process', () =>
  flagged(
    async (server) => {
      const [client, other] = [await Client.connect(server.url), await Client.connect(server.url)]
      await client.start('p', [SH, '-c', 'sleep 60'])
      const reads = Array.from({ length: 1000 }, () => client.ask('process/read', { processId: 'p', waitMs: 60_000 }))
      const terminated = client.request('process/terminate', { processId: 'p' })
      refusedWith(await (reads[8] as Promise<Answer>), /^too many requests wait on this connection: 8 /)
      assert.equal(await terminated, { running: true })
      const answers = await Promise.all(reads)
      assert.is(answers.filter(({ result }) => result !== undefined).length, 8)
      assert.ok(answers.slice(0, 8).every(({ result }) => result.exited === true))
      await other.start('p', [SH, '-c', 'sleep 0.2'])
      assert.ok((await other.request('process/read', { processId: 'p', waitMs: 60_000 })).exited)
      // There is room again.
      await client.start('q', [SH, '-c', 'sleep 0.2'])
      assert.ok((await client.request('process/read', { processId: 'q', waitMs: 60_000 })).exited)
      await client.close()
      await other.close()
    },
    '--max-requests',
    '8',
  ))

/** A peer of HTTP requests that takes connections and never a byte, and ends with the test. */
async function stalledPeer(): Promise<{ url: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const peer = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  atEnd(() => {
    for (const socket of sockets) socket.destroy()
    peer.close()
  })
  await once(peer, 'listening')
  return { url: `http://127.0.0.1:${(peer.address() as AddressInfo).port}/`, sockets }
}

test('an HTTP request more than may be under way is refused, and stalled ones do not stop the reading', () =>
  flagged(
    async (server) => {
      const { url, sockets } = await stalledPeer()
      const client = await Client.connect(server.url)
      await client.start('p', [SH, '-c', 'sleep 60'])
      const bodyBase64 = Buffer.alloc(MiB).toString('base64')
      const asked = Array.from({ length: 4 }, (_, index) =>
        client.ask('http/request', { method: 'POST', url, requestId: `r${index}`, bodyBase64 }),
      )
      refusedWith(await (asked[3] as Promise<Answer>), /^at most 3 http requests may be under way/)
      assert.equal(await client.request('process/terminate', { processId: 'p' }), { running: true })
      await eventually(() => sockets.size === 3)
      for (const socket of sockets) socket.destroy()
      for (const answer of await Promise.all(asked.slice(0, 3))) assert.is(answer.error?.code, -32603)
      await client.close()
    },
    '--max-http-requests',
    '3',
  ))

test.full(
  'stalled HTTP requests with large bodies do not stop the reading; those that are too large together are refused',
  () =>
    flagged(
      async (server) => {
        const { url, sockets } = await stalledPeer()
        const client = await Client.connect(server.url)
        await client.start('p', [SH, '-c', 'sleep 60'])
        // A frame may have 16 MiB, and eight such messages fit 128 MiB.
        const bodyBase64 = Buffer.alloc(11 * MiB).toString('base64')
        const post = (requestId: string): Promise<Answer> =>
          client.ask('http/request', { method: 'POST', url, requestId, bodyBase64 })
        const large = Array.from({ length: 10 }, (_, index) => post(`l${index}`))
        for (const answer of large.slice(8))
          refusedWith(
            await answer,
            /^the requests that wait on this connection are too large: together they may have 134217728 bytes/,
          )
        assert.equal(await client.request('process/terminate', { processId: 'p' }), { running: true })
        const small = Array.from({ length: 4 }, (_, index) =>
          client.ask('http/request', { method: 'GET', url, requestId: `s${index}` }),
        )
        refusedWith(await (small[3] as Promise<Answer>), /^at most 11 http requests may be under way/)
        for (const socket of sockets) socket.destroy()
        for (const answer of await Promise.all(large.slice(0, 8))) assert.is(answer.error?.code, -32603)
        await client.close()
      },
      '--max-http-requests',
      '11',
    ),
)

test('an open file more than a connection may hold is refused, until one is closed', () =>
  flagged(
    async (server) => {
      const client = await Client.connect(server.url)
      const open = (handleId: string): Promise<Answer> => client.ask('fs/open', { handleId, path: '/etc/passwd' })
      assert.ok((await open('a')).result && (await open('b')).result)
      assert.equal((await open('c')).error, {
        code: -32600,
        message: 'at most 2 file handles may be open per connection',
      })
      await client.request('fs/close', { handleId: 'a' })
      assert.ok((await open('c')).result)
      await client.close()
    },
    '--max-open-files',
    '2',
  ))

// ---- stdin ----

test('stdin that waits is bounded for all processes of a session together, and what was refused was not written', () =>
  flagged(
    async (server) => {
      const [client, other] = [await Client.connect(server.url), await Client.connect(server.url)]
      const write = (processId: string, bytes: number): Promise<Answer> =>
        client.ask('process/write', { processId, chunk: Buffer.alloc(bytes, 'x').toString('base64') })
      await client.start('deaf', [SH, '-c', 'sleep 60'], { pipeStdin: true })
      await client.start('counts', [SH, '-c', 'read go; wc -c'], { pipeStdin: true })
      assert.equal((await write('deaf', MiB)).result, { status: 'accepted' })
      refusedWith(
        await write('deaf', 1),
        /^stdin queue is full: \d+ bytes wait for processes of this session, which may be 1048576/,
      )
      refusedWith(await write('counts', 300_000), /^stdin queue is full/)
      await other.start('p', [SH, '-c', 'wc -c'], { pipeStdin: true })
      assert.ok((await other.request('process/write', { processId: 'p', chunk: 'eA==' })).status)
      await client.request('process/terminate', { processId: 'deaf' })
      await client.closed('deaf')
      await client.request('process/write', { processId: 'counts', chunk: Buffer.from('go\n').toString('base64') })
      assert.equal((await write('counts', 300_000)).result, { status: 'accepted' })
      await eventually(
        async () => (await client.request('process/write', { processId: 'counts', chunk: '' })).status === 'accepted',
      )
      await client.request('process/terminate', { processId: 'counts' })
      await client.close()
      await other.close()
    },
    '--stdin-mib',
    '1',
  ))

/** Has a child read so many small writes, when all of them have come. */
const writeInOneBurst = (count: number): Promise<void> =>
  flagged(async (server) => {
    const client = await Client.connect(server.url)
    const gate = join(temporaryFolder(), 'gate')
    // It begins to read late: by then most of them are held back.
    await client.start('p', [SH, '-c', `while [ ! -e ${gate} ]; do sleep 0.02; done; exec cat`], { pipeStdin: true })
    const lines = Array.from({ length: count }, (_, index) => `${index}`.padStart(99, '.') + '\n')
    const asked = lines.map((line) =>
      client.ask('process/write', { processId: 'p', chunk: Buffer.from(line).toString('base64') }),
    )
    // What is answered behind them has come behind them.
    await client.request('environment/status', null)
    writeFileSync(gate, '')
    const answers = await Promise.all(asked)
    assert.is(answers.filter(({ result }) => result?.status === 'accepted').length, count)
    const expected = lines.join('')
    await eventually(() => client.outputOf('p').length >= expected.length, 30_000, 'all of it')
    assert.ok(client.outputOf('p').toString() === expected)
    await client.request('process/terminate', { processId: 'p' })
    await client.close()
  })

test('many small writes in one burst to a child that reads all arrive, in order', () => writeInOneBurst(3000))

test.full('20,000 small writes in one burst to a child that reads all arrive, in order', () => writeInOneBurst(20_000))

test.full(
  'a flood of one-byte writes to a child that reads nothing costs bounded memory, is refused, and delays nobody',
  () =>
    flagged(async (server) => {
      const [client, other] = [await Client.connect(server.url), await Client.connect(server.url)]
      await client.start('deaf', [SH, '-c', 'sleep 60'], { pipeStdin: true })
      // More than any pipe takes, and the queue before it; all else is held back.
      assert.is(
        (await client.request('process/write', { processId: 'deaf', chunk: Buffer.alloc(4 * MiB).toString('base64') }))
          .status,
        'accepted',
      )
      const resident = (): number =>
        Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${server.child.pid}/status`, 'latin1'))?.[1]) / 1024
      const before = resident()
      let refused = 0
      client.socket.removeAllListeners('message')
      client.socket.on('message', (data: Buffer) => {
        if (data.includes('"code":-32001')) refused++
      })
      const COUNT = 120_000
      for (let id = 0; id < COUNT; id++)
        client.send(`{"id":${id},"method":"process/write","params":{"processId":"deaf","chunk":"eA=="}}`)
      await eventually(() => refused > COUNT / 3, 60_000, 'refusals')
      assert.ok((await other.request('environment/status', null)).status)
      let answered = false
      client.socket.on('message', (data: Buffer) => (answered ||= data.includes('"running":true')))
      client.send('{"id":"end","method":"process/terminate","params":{"processId":"deaf"}}')
      await eventually(() => answered, 30_000, 'the terminate')
      const grown = resident() - before
      assert.ok(grown < (isDeno ? 600 : 400), `${Math.round(grown)} MiB more`)
      await client.drop()
      await other.close()
    }),
)

test.run()

/** The client is gone, at every point of the protocol: its session waits for it, nobody else notices, and nothing leaks. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { childrenOf, holdingsOf, settled } from '../../support/faults/fault-proc.ts'
import type { Holdings } from '../../support/faults/fault-proc.ts'
import { frame, MANNERS, RawClient, UPGRADE } from '../../support/faults/fault-raw.ts'
import type { Manner } from '../../support/faults/fault-raw.ts'
import { assertSilent, isLinux, needsLinux, shownUnless, startFaultServer } from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { eventually, isAlive, sleep } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { head, Web } from '../../support/web/web.ts'

const test = suite('faults: the client is gone')
const shown = shownUnless(needsLinux, test)

let server: FaultServer
let folder: string
let web: Web
/** Never answers `/silent`, and pours without end at `/flood`. */
const serveWeb = async (): Promise<Web> =>
  Web.start(({ target }, socket) => {
    if (target === '/silent') return
    socket.write(head(200))
    const block = Buffer.alloc(65_536)
    const pour = (): void => {
      while (!socket.destroyed && socket.write(block));
    }
    socket.on('drain', pour)
    pour()
  })

/** Another client, which is served all the time. */
let bystander: Client
let served = 0
let watching = true
let watch: Promise<void>

test.before(async () => {
  if (!isLinux) return
  folder = mkdtempSync(join(tmpdir(), 'exec-server-gone-'))
  web = await serveWeb()
  // More than any row takes: whoever comes back finds its session.
  server = await startFaultServer({ args: ['--session-ttl-seconds', '60'] })
  bystander = await Client.connect(server.url)
  // What is loaded once, and stays, is there before anything is counted.
  await bystander.run('warm', ['/bin/true'])
  await bystander.run('warm-terminal', ['/bin/true'], { tty: true })
  await bystander.ask('http/request', { method: 'GET', url: 'http://127.0.0.1:9/', requestId: 'warm' })
  await bystander.request('fs/watchMissing', { watchId: 1, missing: [join(folder, 'missing')] })
  watch = (async () => {
    while (watching) {
      await bystander.request('environment/status', null)
      served++
      await sleep(20)
    }
  })()
})

test.after(async () => {
  watching = false
  await watch
  await bystander?.close()
  await server?.stop()
  await web?.stop()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

const start = (processId: string, script: string, more: object = {}): object => ({
  id: 2,
  method: 'process/start',
  params: { processId, argv: ['/bin/sh', '-c', script], cwd: '/', env: { PATH: '/bin:/usr/bin' }, tty: false, ...more },
})

const read = (id: number, more: object = {}): object => ({
  id,
  method: 'process/read',
  params: { processId: 'p', ...more },
})

/** The upgrade, the handshake, and one request more. */
const inOneBreath = (request: object): Buffer =>
  Buffer.concat([
    Buffer.from(UPGRADE),
    frame('{"id":1,"method":"initialize","params":{"clientName":"x"}}'),
    frame('{"method":"initialized"}'),
    frame(JSON.stringify(request)),
  ])

/** What a session is found to be by whoever comes back. */
type Found = (client: Client, manner: Manner) => Promise<void>

type Point = {
  title: string
  /** Goes there, and returns the session if the client has been told of one. */
  go(client: RawClient, round: string): Promise<string | undefined>
  /** Looks at the session that was left. */
  found?: Found
  /** Looks at what else there is. */
  after?(manner: Manner, round: string): Promise<void>
}

async function outputOf(client: Client): Promise<{ output: string; closed: boolean; exitCode: number }> {
  const { chunks, closed, exitCode } = await client.request('process/read', { processId: 'p' })
  return {
    output: chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64').toString()).join(''),
    closed,
    exitCode,
  }
}

/** Settles when its process is, without a look at what it has said. */
const isClosed = (client: Client): Promise<void> =>
  eventually(
    async () => {
      const { closed } = await client.request('process/read', { processId: 'p', afterSeq: 2 ** 31, waitMs: 1000 })
      return closed as boolean
    },
    30_000,
    'the end of the process',
  )

/** More than what is retained of a process. */
const LINES = 200_000

const terminated: Found = async (client) => {
  assert.equal(await client.request('process/terminate', { processId: 'p' }), { running: true })
}

/** A request that was written whole before the end is carried out; of one before a reset the kernel may throw away what was not read. */
const startedWhole =
  (expected: string): Found =>
  async (client, manner) => {
    const answer = await client.ask('process/read', { processId: 'p', waitMs: 0 })
    if (answer.error !== undefined && manner === 'reset')
      return assert.match(answer.error.message, /^unknown process id/)
    assert.is(answer.error, undefined)
    await isClosed(client)
    const { output, exitCode } = await outputOf(client)
    assert.equal([output, exitCode], [expected, 3])
  }

const POINTS: Point[] = [
  { title: 'connected, and no more', go: async () => undefined },
  { title: 'within the request line', go: async (client) => void (await client.write('GET / HT')) },
  { title: 'within the headers', go: async (client) => void (await client.write(UPGRADE.slice(0, -2))) },
  { title: 'with the upgrade sent and its answer not read', go: async (client) => void (await client.write(UPGRADE)) },
  {
    title: 'with the upgrade and a handshake sent in one breath',
    go: async (client) => {
      await client.write(inOneBreath(start('p', 'exit 0')))
      return undefined
    },
  },
  {
    title: 'after the upgrade',
    go: async (client) => {
      await client.write(UPGRADE)
      await client.until(/101 /)
      return undefined
    },
  },
  {
    title: 'before the answer to initialize',
    go: async (client) => {
      await client.write(UPGRADE)
      await client.until(/101 /)
      await client.send({ id: 1, method: 'initialize', params: { clientName: 'x' } })
      return undefined
    },
  },
  {
    title: 'before initialized',
    go: async (client) => {
      await client.write(UPGRADE)
      await client.send({ id: 1, method: 'initialize', params: { clientName: 'x' } })
      return (await client.until(/"sessionId":"([^"]+)"/))[1]
    },
  },
  { title: 'after initialized', go: (client) => client.begin() },
  ...[1, 3, 7, 40].map((bytes) => ({
    title: `after ${bytes} bytes of a frame`,
    go: async (client: RawClient) => {
      const session = await client.begin()
      await client.write(frame(JSON.stringify(start('p', 'sleep 60'))).subarray(0, bytes))
      return session
    },
    found: async (client: Client) =>
      assert.is((await client.ask('process/read', { processId: 'p' })).error?.code, -32600),
  })),
  {
    title: 'between the fragments of a message',
    go: async (client) => {
      const session = await client.begin()
      await client.write(frame(JSON.stringify(start('p', 'sleep 60')).slice(0, 50), { fin: false }))
      return session
    },
    found: async (client) => assert.is((await client.ask('process/read', { processId: 'p' })).error?.code, -32600),
  },
  ...[false, true].map((tty) => ({
    title: `with process/start sent${tty ? ', on a terminal' : ''}`,
    go: async (client: RawClient) => {
      const session = await client.begin()
      await client.send(start('p', 'echo whole; exit 3', { tty }))
      return session
    },
    found: startedWhole(tty ? 'whole\r\n' : 'whole\n'),
  })),
  {
    title: 'with twenty requests behind each other',
    go: async (client) => {
      const session = await client.begin()
      const reads = Array.from({ length: 20 }, (_, id) => read(100 + id, { afterSeq: id, waitMs: 50 }))
      await client.send(start('p', 'echo whole; exit 3'), ...reads)
      return session
    },
    found: startedWhole('whole\n'),
  },
  {
    title: 'in a waiting read',
    go: async (client) => {
      const session = await client.begin()
      await client.send(start('p', 'sleep 60'), read(3, { waitMs: 60_000 }))
      await client.until(/"id":2,"result"/)
      return session
    },
    found: terminated,
  },
  ...[false, true].map((tty) => ({
    title: `with output that it never reads${tty ? ', from a terminal' : ''}`,
    go: async (client: RawClient) => {
      const session = await client.begin()
      await client.send(start('p', `seq 1 ${LINES}; exit 3`, { tty }))
      await client.until(/"id":2,"result"/)
      client.socket.pause()
      // A round trip of another, after which there is something to be read.
      await bystander.run(`after ${session}`, ['/bin/true'])
      return session
    },
    found: async (client: Client) => {
      await isClosed(client)
      const { output, exitCode } = await outputOf(client)
      const lines = output.trim().split(/\r?\n/).slice(1).map(Number)
      // The last MiB, without a gap.
      assert.is(lines.at(-1), LINES)
      assert.is(lines.length, LINES - (lines[0] as number) + 1)
      assert.ok(output.length > 900_000, `${output.length} characters`)
      assert.is(exitCode, 3)
    },
  })),
  {
    title: 'with stdin that the child does not read',
    go: async (client) => {
      const session = await client.begin()
      const chunk = Buffer.alloc(1_500_000, 'x').toString('base64')
      await client.send(start('p', 'sleep 60', { pipeStdin: true }))
      await client.until(/"id":2,"result"/)
      const params = { processId: 'p', chunk }
      await client.send({ id: 3, method: 'process/write', params }, { id: 4, method: 'process/write', params })
      return session
    },
    found: terminated,
  },
  {
    title: 'within a message that writes a file',
    go: async (client, round) => {
      writeFileSync(join(folder, round), 'old')
      const session = await client.begin()
      const dataBase64 = Buffer.alloc(4_000_000).toString('base64')
      const message = frame(
        JSON.stringify({ id: 2, method: 'fs/writeFile', params: { path: join(folder, round), dataBase64 } }),
      )
      await client.write(message.subarray(0, message.length - 1))
      return session
    },
    after: async (_, round) => assert.is(readFileSync(join(folder, round), 'utf8'), 'old'),
  },
  {
    title: 'while a file is being written',
    go: async (client, round) => {
      writeFileSync(join(folder, round), 'old')
      const session = await client.begin()
      const dataBase64 = Buffer.alloc(4_000_000, 'n').toString('base64')
      await client.send({ id: 2, method: 'fs/writeFile', params: { path: join(folder, round), dataBase64 } })
      return session
    },
    after: async (manner, round) => {
      const size = (): number => statSync(join(folder, round)).size
      // Of a message before a reset the kernel may throw away what was not read. The file is not left half written.
      const sizes = manner === 'end' ? [4_000_000] : [3, 4_000_000]
      await eventually(() => sizes.includes(size()), 30_000, 'the whole file')
    },
  },
  {
    title: 'while blocks of an open file are being written',
    go: async (client, round) => {
      const session = await client.begin()
      const chunk = Buffer.alloc(1_000_000, 'b').toString('base64')
      await client.send({
        id: 2,
        method: 'fs/open',
        params: { handleId: 'h', path: join(folder, round), mode: 'replace' },
      })
      await client.until(/"id":2,"result"/)
      const blocks = [0, 1, 2].map((index) => ({ handleId: 'h', offset: index * 1_000_000, chunk }))
      await client.send(...blocks.map((params, index) => ({ id: 3 + index, method: 'fs/writeBlock', params })))
      return session
    },
    found: async (client) =>
      assert.is((await client.ask('fs/readBlock', { handleId: 'h', offset: 0, len: 1 })).error?.code, -32004),
    after: async (_, round) => assert.ok(existsSync(join(folder, round))),
  },
  {
    title: 'while fs/open is under way',
    go: async (client, round) => {
      writeFileSync(join(folder, round), 'x')
      const session = await client.begin()
      const files = Array.from({ length: 100 }, (_, index) => ({ handleId: `h${index}`, path: join(folder, round) }))
      await client.send(...files.map((params, index) => ({ id: 10 + index, method: 'fs/open', params })))
      return session
    },
  },
  {
    title: 'within a block that is being sent',
    go: async (client, round) => {
      const session = await client.begin()
      await client.send({
        id: 2,
        method: 'fs/open',
        params: { handleId: 'h', path: join(folder, round), mode: 'replace' },
      })
      await client.until(/"id":2,"result"/)
      const params = { handleId: 'h', offset: 0, chunk: Buffer.alloc(900_000).toString('base64') }
      await client.write(frame(JSON.stringify({ id: 3, method: 'fs/writeBlock', params })).subarray(0, 600_000))
      return session
    },
    after: async (_, round) => assert.is(statSync(join(folder, round)).size, 0),
  },
  {
    title: 'in a walk over many folders',
    go: async (client) => {
      const session = await client.begin()
      const options = { maxDepth: 6, maxDirectories: 5000, maxEntries: 50_000, followDirectorySymlinks: false }
      await client.send({ id: 2, method: 'fs/walk', params: { path: '/usr', options } })
      return session
    },
  },
  {
    title: 'while a missing path is watched',
    go: async (client, round) => {
      const session = await client.begin()
      await client.send({
        id: 2,
        method: 'fs/watchMissing',
        params: { watchId: 1, missing: [join(folder, `${round}-missing`)] },
      })
      await client.until(/"id":2,"result"/)
      return session
    },
  },
  {
    title: 'before the answer to an HTTP request',
    go: async (client) => {
      const session = await client.begin()
      const seen = web.asked.length
      await client.send({
        id: 2,
        method: 'http/request',
        params: { method: 'GET', url: web.url('/silent'), requestId: 'r' },
      })
      await eventually(() => web.asked.length > seen)
      return session
    },
    after: () => eventually(() => web.sockets.size === 0, 30_000, 'the end of the exchange'),
  },
  {
    title: 'in the body of an HTTP response that streams without end',
    go: async (client) => {
      const session = await client.begin()
      const params = { method: 'GET', url: web.url('/flood'), requestId: 'r', streamResponse: true }
      await client.send({ id: 2, method: 'http/request', params })
      await client.until(/bodyDelta/)
      client.socket.pause()
      const { sockets } = web
      await eventually(
        () => [...sockets].every((socket) => socket.writableNeedDrain),
        30_000,
        'a peer that is held back',
      )
      return session
    },
    after: () => eventually(() => web.sockets.size === 0, 30_000, 'the end of the stream'),
  },
  {
    title: 'with terminate sent',
    go: async (client) => {
      const session = await client.begin()
      await client.send(start('p', 'sleep 60 & sleep 60'))
      await client.until(/"id":2,"result"/)
      await client.send({ id: 3, method: 'process/terminate', params: { processId: 'p' } })
      return session
    },
    found: async (client) => void (await client.request('process/terminate', { processId: 'p' })),
  },
  {
    title: 'with a close frame sent whose answer it does not wait for',
    go: async (client) => {
      const session = await client.begin()
      await client.send(start('p', 'sleep 60'))
      await client.until(/"id":2,"result"/)
      await client.write(frame(Buffer.from([0x03, 0xe8]), { opcode: 8 }))
      return session
    },
    found: terminated,
  },
  {
    title: 'after a message that is an offence',
    go: async (client) => {
      const session = await client.begin()
      await client.send(start('p', 'sleep 60'))
      await client.until(/"id":2,"result"/)
      await client.send({ method: 'surprise' })
      return session
    },
    found: terminated,
  },
]

/** Whoever comes back is let in as soon as the server has seen the other go. */
async function comeBack(sessionId: string): Promise<Client> {
  const client = await Client.open(server.url)
  await eventually(
    async () => {
      const { error } = await client.ask('initialize', { clientName: 'heir', resumeSessionId: sessionId })
      if (error !== undefined) assert.is(error.code, -32010, error.message)
      return error === undefined
    },
    30_000,
    'the end of the old connection',
  )
  client.notify('initialized', {})
  return client
}

/** All at the same time, three of each, as clients that lose their network do. */
async function leaveAt(point: Point, index: number, manner: Manner, before: Holdings): Promise<void> {
  const rounds = Array.from({ length: 3 }, (_, round) => `${index}-${manner}-${round}`)
  await Promise.all(
    rounds.map(async (round) => {
      const client = await RawClient.connect(server.port)
      const sessionId = await point.go(client, round)
      await client.vanish(manner)
      if (sessionId !== undefined) {
        const heir = await comeBack(sessionId)
        await point.found?.(heir, manner)
        await heir.drop()
      }
      await point.after?.(manner, round)
    }),
  )
  await settled(server.pid, before)
}

POINTS.forEach((point, index) =>
  shown(`a client may be gone ${point.title}, and another is served meanwhile`, async () => {
    const before = holdingsOf(server.pid)
    for (const manner of MANNERS) {
      const already = served
      await leaveAt(point, index, manner, before)
      await eventually(() => served > already, 30_000, 'an answer to another client')
    }
    assert.ok(isAlive(server.pid))
    assertSilent(server)
  }),
)

shown('a session whose client never learned of it ends by itself, with its process', async () => {
  const quick = await startFaultServer({ args: ['--session-ttl-seconds', '1'] })
  await (await Client.connect(quick.url)).run('warm', ['/bin/true'])
  const mark = `${300 + (quick.pid % 100)}.${quick.pid}`
  const client = await RawClient.connect(quick.port)
  const before = holdingsOf(quick.pid)
  await client.write(inOneBreath(start('p', `exec sleep ${mark}`)))
  const sleepers = (): number => childrenOf(quick.pid).filter(({ pid }) => commandOf(pid).includes(mark)).length
  await eventually(() => sleepers() === 1, 30_000, 'the start of the process')
  await client.vanish('end')
  await eventually(() => sleepers() === 0, 30_000, 'its end')
  await settled(quick.pid, before)
  assert.is(await quick.stop(), 0)
  assertSilent(quick)
})

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

test.run()

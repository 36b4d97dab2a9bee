import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import nodeProcess from 'node:process'
import * as assert from 'uvu/assert'
import { connect, DisconnectedError } from '../../../src/client/index.ts'
import type { ExecClient } from '../../../src/client/index.ts'
import { eventually, isAlive } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { startProxy } from './support/proxy.ts'
import type { Proxy } from './support/proxy.ts'
import { subjects } from './support/subject.ts'
import type { Fault, RunningSubject } from './support/subject.ts'

const FEW_CUTS = 10
/** EXEC_SERVER_TEST_CUTS=1000 for the longest form. */
const MANY_CUTS = Number(nodeProcess.env['EXEC_SERVER_TEST_CUTS'] ?? 40)
/** For what comes about sooner or later, also on a busy machine. */
const SOON_MS = 30_000

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function failure(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (error: Error) => error,
  )
  assert.ok(error !== undefined, 'it did not fail')
  return error
}

for (const subject of subjects) {
  const test = suite(`recovery, ${subject.name}`)
  const unless = (fault: Fault, title: string, run: () => Promise<void>): void => {
    if (subject.faults.has(fault)) test.skip(`${title} (${fault})`, run)
    else test(title, run)
  }
  let server: RunningSubject
  let proxy: Proxy
  let client: ExecClient
  let folder: string

  test.before(async () => {
    server = await subject.serve()
  })
  test.before.each(async () => {
    folder = mkdtempSync(join(tmpdir(), 'recovery-'))
    proxy = await startProxy(server.url)
    client = await connect(proxy.url)
  })
  test.after.each(async () => {
    await client.close()
    proxy.close()
    rmSync(folder, { recursive: true })
  })

  /** Of a file in the folder of the test, which is the devbox's as well. */
  const at = (name: string): string => join(folder, name)
  const appears = (name: string): Promise<void> => eventually(() => existsSync(at(name)), SOON_MS, `the file ${name}`)
  /** A script that finds the folder in $d, and waits by \`await FILE\` for a file in it. */
  const script = (text: string): string[] => [
    'sh',
    '-c',
    `d=$0; await() { until [ -e "$d/$1" ]; do sleep 0.01; done; }; ${text}`,
    folder,
  ]
  const isIn = (state: ExecClient['state'], of = client): Promise<void> =>
    eventually(() => of.state === state, SOON_MS, `the state ${state}`)

  test('a process keeps its handle through a lost connection, and what it wrote meanwhile is there', async () => {
    const count = 'count() { while [ $i -lt $1 ]; do i=$((i+1)); echo $i; done; }; i=0'
    const argv = script(`${count}; count 100; await lost; count 200; touch $d/written; await back; count 300; exit 3`)
    const process = await client.start({ argv })
    const output = process.output()
    await process.events().next()
    proxy.down()
    await isIn('recovering')
    writeFileSync(at('lost'), '')
    await appears('written')
    proxy.up()
    await isIn('connected')
    writeFileSync(at('back'), '')
    assert.is(text((await output).stdout), Array.from({ length: 300 }, (_, index) => `${index + 1}\n`).join(''))
    assert.is((await process.wait()).exitCode, 3)
    assert.is(client.state, 'connected')
  })

  test('calls made while the connection is gone wait for it', async () => {
    const { sessionId } = client
    proxy.down()
    await isIn('recovering')
    const running = client.run({ argv: ['echo', 'after'] })
    proxy.up()
    assert.equal([text((await running).stdout), client.sessionId], ['after\n', sessionId])
  })

  test('a process that ended meanwhile is known to have', async () => {
    const process = await client.start({ argv: script('echo $$ >$d/pid; await lost; echo late; exit 9') })
    await appears('pid')
    await eventually(() => readFileSync(at('pid'), 'utf8').endsWith('\n'))
    proxy.down()
    writeFileSync(at('lost'), '')
    await eventually(() => !isAlive(Number(readFileSync(at('pid'), 'utf8'))), SOON_MS, 'the end of the process')
    proxy.up()
    const { stdout, exitCode } = await process.output()
    assert.equal([text(stdout), exitCode], ['late\n', 9])
  })

  test('a read that waits goes on waiting, and gets what came meanwhile', async () => {
    const process = await client.start({ argv: script('await lost; echo news; touch $d/written; exec sleep 60') })
    const { asked } = proxy
    const reading = process.read({ waitMs: 60_000 })
    await eventually(() => proxy.asked > asked, SOON_MS, 'the read at the proxy')
    proxy.down()
    await isIn('recovering')
    writeFileSync(at('lost'), '')
    await appears('written')
    proxy.up()
    const { chunks } = await reading
    assert.is(chunks.map(({ bytes }) => text(bytes)).join(''), 'news\n')
    await process.terminate()
  })

  /** What was asked for has been done, and the answer is lost. */
  const answerIsLost = (): Promise<void> => eventually(() => proxy.swallowed > 0, SOON_MS, 'an answer')

  test('a start whose answer is lost is not sent again, fails, and what it started is ended', async () => {
    const mark = `96${Math.floor(Math.random() * 1e6)}`
    // The first request of a process/start goes through, its answer does not.
    proxy.swallowAnswers()
    const starting = client.start({ argv: ['sleep', mark] })
    starting.catch(() => {})
    await answerIsLost()
    proxy.cut()
    assert.instance(await failure(starting), DisconnectedError)
    await eventually(
      async () => (await client.run({ argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 1,
      SOON_MS,
      'the end of what was started',
    )
  })

  unless('noWriteIds', 'a write whose answer is lost is sent again, and written once', async () => {
    const process = await client.start({ argv: ['cat'], stdin: 'pipe' })
    await process.write('first\n')
    proxy.swallowAnswers()
    const writing = process.write('second\n')
    await answerIsLost()
    proxy.cut()
    assert.is(await writing, 'accepted')
    await process.write('third\n')
    const read = async (): Promise<string> => (await process.read()).chunks.map(({ bytes }) => text(bytes)).join('')
    await eventually(async () => (await read()).includes('third'))
    assert.is(await read(), 'first\nsecond\nthird\n')
    await process.terminate()
  })

  test('a call in flight that changes something fails, since it is unknown whether it was carried out', async () => {
    proxy.swallowAnswers()
    const removing = client.fs.remove('/no/such/file', { force: true })
    removing.catch(() => {})
    await answerIsLost()
    proxy.cut()
    const error = await failure(removing)
    assert.ok(error instanceof DisconnectedError)
    assert.match(error.message, /cut|ECONNRESET|closed/)
  })

  test('a call that changes nothing is made again', async () => {
    proxy.swallowAnswers()
    const looking = client.fs.getMetadata('/usr')
    await answerIsLost()
    proxy.cut()
    assert.is((await looking).isDirectory, true)
  })

  test('a session that is gone is not tried for again and again', async () => {
    const other = await subject.serve()
    const there = await startProxy(other.url)
    try {
      // The same address, another server: as after a restart.
      const wanderer = await wander(proxy.url, there.url)
      wanderer.move()
      const error = (await wanderer.client.closed) as Error
      assert.ok(error instanceof DisconnectedError)
      assert.match(error.message, /unknown session/)
      assert.is(wanderer.client.state, 'closed')
      assert.is((await failure(wanderer.client.fs.getMetadata('/'))).message, error.message)
      await wanderer.end()
    } finally {
      there.close()
      await other.stop()
    }
  })

  test('after too long without a connection everything fails, and says what was tried', async () => {
    const impatient = await connect(proxy.url, { recoveryTimeoutMs: 300 })
    const process = await impatient.start({ argv: ['sleep', '30'] })
    const waiting = process.wait()
    waiting.catch(() => {})
    proxy.down()
    const error = (await impatient.closed) as Error
    assert.match(error.message, /could not be resumed: recovery took more than 0.3 s, at last: cannot connect/)
    assert.is((await failure(waiting)).message, error.message)
    assert.is((await failure(process.write('x'))).message, error.message)
  })

  const throughCuts = (most: number) => async (): Promise<void> => {
    const blocks = most * 3
    const allBlocks = Array.from(
      { length: blocks },
      (_, block) => String(block + 1).padStart(8, '0') + 'x'.repeat(49_992),
    )
    // Numbered blocks, so that anything that is missing or doubled shows; slow enough to last through the cuts where nothing holds it back.
    const pause = subject.isOurs ? 0.01 : 0.05
    const process = await client.start({
      argv: [
        'sh',
        '-c',
        `i=0; while [ $i -lt ${blocks} ]; do i=$((i+1)); printf '%08d' $i; head -c 49992 /dev/zero | tr '\\0' x; sleep ${pause}; done`,
      ],
    })
    const hash = createHash('sha256')
    let [bytes, isOver] = [0, false]
    const cutting = (async () => {
      for (let cuts = 0; cuts < most && !isOver; cuts++) {
        const [from, before] = [bytes + Math.random() * 60_000, proxy.cuts]
        if (Math.random() < 0.5) {
          await eventually(() => bytes >= from || isOver, SOON_MS, 'more output')
          proxy.cut(Math.random() < 0.2 ? 2 : 0)
        } else {
          proxy.cutAfter(Math.floor(Math.random() * 150_000))
          await eventually(() => proxy.cuts > before || isOver, SOON_MS, 'a cut')
        }
        await isIn('connected')
      }
    })()
    cutting.catch(() => {})
    for await (const event of process) {
      assert.is.not(event.type, 'lag')
      if (event.type !== 'output') continue
      bytes += event.bytes.length
      hash.update(event.bytes)
    }
    assert.is(bytes, blocks * 50_000)
    assert.is(hash.digest('hex'), createHash('sha256').update(allBlocks.join('')).digest('hex'))
    isOver = true
    await cutting
    assert.ok(proxy.connections > most / 4, `${proxy.connections} connections`)
  }
  test(`through ${FEW_CUTS} cuts at random moments not one byte is lost or doubled`, throughCuts(FEW_CUTS))
  test.full(`through ${MANY_CUTS} cuts at random moments not one byte is lost or doubled`, throughCuts(MANY_CUTS))

  const inputThroughCuts = (most: number) => async (): Promise<void> => {
    const process = await client.start({ argv: ['cat'], stdin: 'pipe' })
    const received = createHash('sha256')
    const sent = createHash('sha256')
    const total = most * 20_000
    let bytes = 0
    const reading = (async () => {
      for await (const event of process) {
        assert.is.not(event.type, 'lag')
        if (event.type !== 'output') continue
        received.update(event.bytes)
        bytes += event.bytes.length
        if (bytes >= total) await process.terminate()
      }
    })()
    reading.catch(() => {})
    let isDone = false
    const cutting = (async () => {
      while (!isDone) {
        const before = proxy.cuts
        proxy.cutAfter(Math.floor(Math.random() * 30_000))
        await eventually(() => proxy.cuts > before || isDone, SOON_MS, 'a cut')
        // One that cuts every answer short lets nobody come back.
        await isIn('connected')
      }
    })()
    cutting.catch(() => {})
    for (let at = 0; at < total; at += 5000) {
      const piece = `${String(at).padStart(10, '0')}${'y'.repeat(4990)}`
      sent.update(piece)
      assert.is(await process.write(piece), 'accepted')
    }
    await reading
    isDone = true
    await cutting
    assert.equal([bytes, received.digest('hex')], [total, sent.digest('hex')])
    // How many there are depends on how long each recovery takes; on a busy machine it takes most of the time.
    assert.ok(proxy.cuts >= most / 8, `${proxy.cuts} cuts`)
  }
  unless('noWriteIds', `input through ${FEW_CUTS} cuts arrives once and in order`, inputThroughCuts(FEW_CUTS))
  if (!subject.faults.has('noWriteIds'))
    test.full(`input through ${MANY_CUTS} cuts arrives once and in order`, inputThroughCuts(MANY_CUTS))

  test.full('a peer that has vanished silently is detected, and the session resumed', async () => {
    const limits = { pingIntervalMs: 200, pingTimeoutMs: 200 }
    const watchful = await connect(proxy.url, { limits })
    const { connections } = proxy
    const process = await watchful.start({ argv: script('await back; echo still here') })
    proxy.swallow()
    // The server must notice, too, that its end leads nowhere; Codex's hold the session for as long as TCP does.
    if (subject.isOurs) {
      await eventually(() => proxy.connections > connections, SOON_MS, 'another connection')
      writeFileSync(at('back'), '')
      assert.is(text((await process.output()).stdout), 'still here\n')
      assert.is(watchful.state, 'connected')
    } else {
      await isIn('recovering', watchful)
    }
    await watchful.close()
  })

  test('a quiet connection is not taken for a dead one', async () => {
    // The next sign of life is asked for only when one has come, so that no busy machine makes it fail.
    const limits = { pingIntervalMs: 20, pingTimeoutMs: SOON_MS }
    const watchful = await connect(proxy.url, { limits })
    const { connections, asked } = proxy
    // A ping is a frame of 6 bytes, and what older servers are asked a longer one.
    await eventually(() => proxy.asked >= asked + 5 * 6, SOON_MS, 'five signs of life')
    assert.equal([watchful.state, proxy.connections], ['connected', connections])
    await watchful.close()
  })

  test('closing the client ends its processes', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'echo $$; exec sleep 60'] })
    let pid = 0
    for await (const event of process) {
      if (event.type !== 'output') continue
      pid = Number(text(event.bytes))
      break
    }
    assert.ok(isAlive(pid))
    await client.close()
    await eventually(() => !isAlive(pid), SOON_MS, 'its end')
  })

  test.run()
}

/** A client whose address leads to one server, and after `move` to another. */
async function wander(
  from: string,
  to: string,
): Promise<{ client: ExecClient; move: () => void; end: () => Promise<void> }> {
  let target = from
  const { createServer, connect: open } = await import('node:net')
  const sockets = new Set<{ destroy(): unknown }>()
  const relay = createServer((socket) => {
    const other = open(Number(new URL(target).port), '127.0.0.1')
    for (const each of [socket, other]) {
      sockets.add(each)
      each.on('error', () => {})
      each.on('close', () => {
        socket.destroy()
        other.destroy()
      })
    }
    socket.pipe(other).pipe(socket)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const client = await connect(`ws://127.0.0.1:${(relay.address() as { port: number }).port}`)
  return {
    client,
    move: () => {
      target = to
      for (const socket of sockets) socket.destroy()
    },
    end: async () => {
      await client.close()
      relay.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

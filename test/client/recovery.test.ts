import { createHash } from 'node:crypto'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect, DisconnectedError } from '../../src/client/index.ts'
import type { ExecClient, RemoteProcess } from '../../src/client/index.ts'
import { eventually, isAlive, sleep } from '../support/server.ts'
import { suite } from '../support/suite.ts'
import { startProxy } from './support/proxy.ts'
import type { Proxy } from './support/proxy.ts'
import { subjects } from './support/subject.ts'
import type { Fault, RunningSubject } from './support/subject.ts'

/** EXEC_SERVER_TEST_CUTS=1000 for the long form. */
const CUTS = Number(process.env['EXEC_SERVER_TEST_CUTS'] ?? 40)

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

  test.before.each(async () => {
    server = await subject.serve()
    proxy = await startProxy(server.url)
    client = await connect(proxy.url)
  })
  test.after.each(async () => {
    await client.close()
    proxy.close()
    await server.stop()
  })

  /** A process that counts, one number a line, until it is told to stop. */
  const counter = (upTo: number, pause = '0.002'): Promise<RemoteProcess> =>
    client.start({
      argv: ['sh', '-c', `i=0; while [ $i -lt ${upTo} ]; do i=$((i+1)); echo $i; sleep ${pause}; done; exit 3`],
    })

  test('a process keeps its handle through a lost connection, and what it wrote meanwhile is there', async () => {
    const process = await counter(300)
    const output = process.output()
    await sleep(150)
    proxy.cut(300)
    await eventually(() => client.state === 'recovering')
    assert.is(text((await output).stdout), Array.from({ length: 300 }, (_, index) => `${index + 1}\n`).join(''))
    assert.is((await process.wait()).exitCode, 3)
    assert.is(client.state, 'connected')
  })

  test('calls made while the connection is gone wait for it', async () => {
    const { sessionId } = client
    proxy.cut(400)
    await eventually(() => client.state === 'recovering')
    const { stdout } = await client.run({ argv: ['echo', 'after'] })
    assert.equal([text(stdout), client.sessionId], ['after\n', sessionId])
  })

  test('a process that ended meanwhile is known to have', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'sleep 0.3; echo late; exit 9'] })
    proxy.cut(800)
    const { stdout, exitCode } = await process.output()
    assert.equal([text(stdout), exitCode], ['late\n', 9])
  })

  test('a read that waits goes on waiting, and gets what came meanwhile', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'sleep 0.5; echo news; sleep 5'] })
    const reading = process.read({ waitMs: 10_000 })
    await sleep(50)
    proxy.cut(200)
    const { chunks } = await reading
    assert.is(chunks.map(({ bytes }) => text(bytes)).join(''), 'news\n')
    await process.terminate()
  })

  test('a start whose answer is lost is not sent again, fails, and what it started is ended', async () => {
    const mark = `96${Math.floor(Math.random() * 1e6)}`
    // The first request of a process/start goes through, its answer does not.
    proxy.swallowAnswers()
    const starting = client.start({ argv: ['sleep', mark] })
    starting.catch(() => {})
    await sleep(300)
    proxy.cut()
    assert.instance(await failure(starting), DisconnectedError)
    await eventually(async () => (await client.run({ argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 1)
  })

  unless('noWriteIds', 'a write whose answer is lost is sent again, and written once', async () => {
    const process = await client.start({ argv: ['cat'], stdin: 'pipe' })
    await process.write('first\n')
    proxy.swallowAnswers()
    const writing = process.write('second\n')
    await sleep(300)
    proxy.cut()
    assert.is(await writing, 'accepted')
    await process.write('third\n')
    const read = async (): Promise<string> => (await process.read()).chunks.map(({ bytes }) => text(bytes)).join('')
    await eventually(async () => (await read()).includes('third'))
    assert.is(await read(), 'first\nsecond\nthird\n')
    await process.terminate()
  })

  test('a call that changes something and was under way fails, since nobody knows whether it was done', async () => {
    proxy.swallowAnswers()
    const removing = client.fs.remove('/no/such/file', { force: true })
    removing.catch(() => {})
    await sleep(100)
    proxy.cut()
    const error = await failure(removing)
    assert.ok(error instanceof DisconnectedError)
    assert.match(error.message, /cut|ECONNRESET|closed/)
  })

  test('a call that changes nothing is made again', async () => {
    proxy.swallowAnswers()
    const looking = client.fs.getMetadata('/usr')
    await sleep(100)
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
    const impatient = await connect(proxy.url, { recoveryTimeoutMs: 600 })
    const process = await impatient.start({ argv: ['sleep', '30'] })
    const waiting = process.wait()
    waiting.catch(() => {})
    proxy.cut(5000)
    const error = (await impatient.closed) as Error
    assert.match(error.message, /could not be resumed: recovery took more than 0.6 s, at last: cannot connect/)
    assert.is((await failure(waiting)).message, error.message)
    assert.is((await failure(process.write('x'))).message, error.message)
  })

  test(`through ${CUTS} cuts at random moments not one byte is lost or doubled`, async () => {
    const total = CUTS * 150_000
    // Numbered blocks, so that anything that is missing or doubled shows; slow enough to last through the cuts where nothing holds it back.
    const script = `i=0; while [ $i -lt ${Math.ceil(total / 50_000)} ]; do i=$((i+1)); printf '%08d' $i; head -c 49992 /dev/zero | tr '\\0' x; sleep ${subject.isOurs ? 0.01 : 0.05}; done`
    const process = await client.start({ argv: ['sh', '-c', script] })
    const hash = createHash('sha256')
    let [bytes, cuts] = [0, 0]
    const cutting = (async () => {
      while (cuts < CUTS) {
        await sleep(Math.random() * 60)
        if (Math.random() < 0.5) proxy.cut(Math.random() < 0.2 ? 150 : 0)
        else proxy.cutAfter(Math.floor(Math.random() * 150_000))
        cuts++
        await eventually(() => client.state === 'connected', 20_000)
      }
    })()
    for await (const event of process) {
      assert.is.not(event.type, 'lag')
      if (event.type !== 'output') continue
      bytes += event.bytes.length
      hash.update(event.bytes)
    }
    const blocks = Math.ceil(total / 50_000)
    const expected = createHash('sha256')
    for (let block = 1; block <= blocks; block++) expected.update(String(block).padStart(8, '0') + 'x'.repeat(49_992))
    assert.is(bytes, blocks * 50_000)
    assert.is(hash.digest('hex'), expected.digest('hex'))
    cuts = CUTS
    await cutting
    assert.ok(proxy.connections > CUTS / 4, `${proxy.connections} connections`)
  })

  unless('noWriteIds', `input through ${CUTS} cuts arrives once and in order`, async () => {
    const process = await client.start({ argv: ['cat'], stdin: 'pipe' })
    const received = createHash('sha256')
    const sent = createHash('sha256')
    const total = CUTS * 20_000
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
        await sleep(10 + Math.random() * 50)
        proxy.cutAfter(Math.floor(Math.random() * 30_000))
        // One that cuts every answer short lets nobody come back.
        await eventually(() => client.state === 'connected', 20_000)
      }
    })()
    for (let at = 0; at < total; at += 5000) {
      const piece = `${String(at).padStart(10, '0')}${'y'.repeat(4990)}`
      sent.update(piece)
      assert.is(await process.write(piece), 'accepted')
    }
    await reading
    isDone = true
    await cutting
    assert.equal([bytes, received.digest('hex')], [total, sent.digest('hex')])
  })

  test('a peer that has vanished without a word is noticed, and come back to', async () => {
    const limits = { pingIntervalMs: 200, pingTimeoutMs: 200 }
    const watchful = await connect(proxy.url, { limits })
    const process = await watchful.start({ argv: ['sh', '-c', 'sleep 1; echo still here'] })
    proxy.swallow()
    // The server must notice, too, that its end leads nowhere; Codex's hold the session for as long as TCP does.
    if (subject.isOurs) {
      assert.is(text((await process.output()).stdout), 'still here\n')
      assert.is(watchful.state, 'connected')
    } else {
      await eventually(() => watchful.state === 'recovering', 3000)
    }
    await watchful.close()
  })

  test('a quiet connection is not taken for a dead one', async () => {
    const limits = { pingIntervalMs: 60, pingTimeoutMs: 60 }
    const before = proxy.connections
    const watchful = await connect(proxy.url, { limits })
    await sleep(800)
    assert.equal([watchful.state, proxy.connections - before], ['connected', 1])
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
    await eventually(() => !isAlive(pid))
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

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { connect, OutputLostError, RpcError, UnsupportedError } from '../../../src/client/index.ts'
import type { ExecClient, ProcessEvent, RemoteProcess, Sandbox } from '../../../src/client/index.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { roundTrip, whenIdle } from './support/when-idle.ts'
import { subjects } from './support/subject.ts'
import type { Fault, RunningSubject } from './support/subject.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function eventsOf(process: RemoteProcess): Promise<ProcessEvent[]> {
  const events: ProcessEvent[] = []
  for await (const event of process) events.push(event)
  return events
}

async function bytesOf(stream: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of stream) bytes += chunk.length
  return bytes
}

for (const subject of subjects) {
  const test = suite(`processes, ${subject.name}`)
  const unless = (fault: Fault, title: string, run: () => Promise<void>): void => {
    if (subject.faults.has(fault)) test.skip(`${title} (${fault})`, run)
    else test(title, run)
  }
  let server: RunningSubject
  let client: ExecClient

  test.before(async () => {
    server = await subject.serve()
    client = await connect(server.url)
  })
  test.after(async () => {
    await client.close()
    await server.stop()
  })

  test('a process tells its output, its exit and its end, in the order of their numbers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'processes-'))
    atEnd(() => rmSync(folder, { recursive: true }))
    const script =
      'await() { until [ -e $0/$1 ]; do sleep 0.01; done; }; echo out; await 1; echo err >&2; await 2; exit 7'
    const process = await client.start({ argv: ['sh', '-c', script, folder] })
    const events: ProcessEvent[] = []
    for await (const event of process) {
      events.push(event)
      // It goes on when what it wrote has come.
      writeFileSync(join(folder, String(events.length)), '')
    }
    assert.equal(
      events.map((event) => [event.type, 'seq' in event ? event.seq : 0]),
      [
        ['output', 1],
        ['output', 2],
        ['exited', 3],
        ['closed', 4],
      ],
    )
    const [first, second, third] = events
    assert.ok(first?.type === 'output' && first.stream === 'stdout' && text(first.bytes) === 'out\n')
    assert.ok(second?.type === 'output' && second.stream === 'stderr' && text(second.bytes) === 'err\n')
    assert.ok(third?.type === 'exited' && third.exitCode === 7)
    assert.equal((await process.wait()).exitCode, 7)
  })

  test('a late reader, even after the end, gets every event from the beginning', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'echo one; sleep 0.05; echo two'] })
    await process.wait()
    const [early, late] = [await eventsOf(process), await eventsOf(process)]
    assert.equal(early, late)
    assert.is(late.at(-1)?.type, 'closed')
  })

  test('two readers of one process each get all of it', async () => {
    const process = await client.start({ argv: ['head', '-c', '3000000', '/dev/zero'] })
    const [one, other] = await Promise.all([process.output(), process.output()])
    assert.equal([one.stdout.length, other.stdout.length], [3_000_000, 3_000_000])
  })

  test('events are read from a given number on', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'echo a; sleep 0.1; echo b'] })
    await process.wait()
    const seqs: number[] = []
    for await (const event of process.events({ afterSeq: 1 })) if ('seq' in event) seqs.push(event.seq)
    assert.is(seqs[0], 2)
  })

  test('output is gathered whole, stdout and stderr apart', async () => {
    const { stdout, stderr, exitCode, isTruncated } = await client.run({
      argv: ['sh', '-c', 'echo out; echo err >&2; exit 3'],
    })
    assert.equal([text(stdout), text(stderr), exitCode, isTruncated], ['out\n', 'err\n', 3, false])
  })

  test('gathered output is bounded, and the process still comes to its end', async () => {
    const output = await client.run({ argv: ['sh', '-c', 'head -c 2000000 /dev/zero; exit 5'] }, { maxBytes: 1000 })
    assert.equal([output.stdout.length, output.isTruncated, output.exitCode], [1000, true, 5])
  })

  test.full(
    'of output beyond the bound the first and the last lines are kept, and what is between is counted',
    async () => {
      const argv = ['sh', '-c', 'seq 1 300000; echo LAST']
      const whole = text((await client.run({ argv })).stdout)
      const { stdout, isTruncated, omitted } = await client.run({ argv }, { maxBytes: 65536 })
      const { at, bytes } = omitted.stdout as { at: number; bytes: number }
      assert.equal([isTruncated, omitted.stderr, stdout.length], [true, undefined, 65536])
      assert.is(text(stdout.subarray(0, at)), whole.slice(0, at))
      assert.is(text(stdout.subarray(at)), whole.slice(at + bytes))
      assert.ok(text(stdout).startsWith('1\n2\n') && text(stdout).endsWith('300000\nLAST\n'))
    },
  )

  test.full('twenty megabytes come whole through a stream', async () => {
    const process = await client.start({ argv: ['head', '-c', '20000000', '/dev/zero'] })
    assert.is(await bytesOf(process.stdout), 20_000_000)
    assert.is(await bytesOf(process.stderr), 0)
  })

  test('stdout and stderr can be read one after the other, and side by side', async () => {
    const both = {
      argv: ['sh', '-c', 'head -c 300000 /dev/zero >&2; head -c 900000 /dev/zero; head -c 200000 /dev/zero >&2'],
    }
    const one = await client.start(both)
    assert.equal([await bytesOf(one.stdout), await bytesOf(one.stderr)], [900_000, 500_000])
    const other = await client.start(both)
    assert.equal(await Promise.all([bytesOf(other.stderr), bytesOf(other.stdout)]), [500_000, 900_000])
  })

  test('a stream without a reader blocks nothing, and fails if it missed too much', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'head -c 5000000 /dev/zero >&2; echo done'] })
    assert.is(await bytesOf(process.stdout), 5)
    await assert_rejects(bytesOf(process.stderr), OutputLostError)
  })

  test('a cancelled stream lets the process go on', async () => {
    const process = await client.start({ argv: ['sh', '-c', 'head -c 5000000 /dev/zero; exit 6'] })
    const reader = process.stdout.getReader()
    await reader.read()
    await reader.cancel()
    assert.is((await process.wait()).exitCode, 6)
  })

  test.full('a reader however slow loses nothing: the process is held back', async () => {
    // It takes a piece with each call that is answered, and the process writes in one go.
    const process = await client.start({ argv: ['head', '-c', '6000000', '/dev/zero'] })
    let bytes = 0
    for await (const chunk of process.stdout) {
      bytes += chunk.length
      await roundTrip(client)
    }
    assert.is(bytes, 6_000_000)
  })

  unless('noExtensions', 'a slow reader of thousands of tiny pieces loses none of them', async () => {
    const process = await client.start({
      argv: ['sh', '-c', 'i=0; while [ $i -lt 3000 ]; do echo $i; echo $i >&2; i=$((i+1)); done'],
    })
    let [bytes, lags] = [0, 0]
    for await (const event of process) {
      if (event.type === 'lag') {
        lags++
        assert.not.ok(event.lost)
      }
      if (event.type === 'output') bytes += event.bytes.length
      if (bytes < 2000) await roundTrip(client)
    }
    assert.is(bytes, 2 * (10 * 2 + 90 * 3 + 900 * 4 + 2000 * 5))
    assert.type(lags, 'number')
  })

  test.full('a reader that falls behind every buffer gets a lag event, never a silent gap', async () => {
    // So that it takes little to fall behind.
    const limits = { replayEvents: 8, replayBytes: 65_536, unreadEvents: 8, unreadBytes: 65_536, holdMs: 1 }
    await using forgetful = await connect(server.url, { limits })
    const argv = ['sh', '-c', 'sleep 0.2; head -c 8000000 /dev/zero']
    let process = await forgetful.start({ argv })
    // Of another client's process nothing is held back for us.
    if (subject.isOurs) {
      const own = await client.start({ argv })
      const { run } = (await forgetful.listProcesses()).find(({ processId }) => processId === own.id) as { run: number }
      process = await forgetful.attach(run)
    }
    const lags: { lost: boolean }[] = []
    let [bytes, last] = [0, 0]
    for await (const event of process) {
      if (event.type === 'lag') {
        lags.push(event)
        assert.is(event.afterSeq, last)
        last = event.resumesAtSeq - 1
        continue
      }
      assert.is(event.seq, last + 1)
      last = event.seq
      if (event.type !== 'output') continue
      if (bytes === 0) await process.wait()
      bytes += event.bytes.length
    }
    assert.ok(bytes < 8_000_000 && lags.some(({ lost }) => lost), `${bytes} bytes, ${lags.length} lags`)
    await assert_rejects(process.output(), OutputLostError)
  })

  test.full('a reader that falls behind what is kept here gets the rest from the server', async () => {
    const limits = { replayEvents: 2, replayBytes: 10_000, unreadEvents: 2, unreadBytes: 10_000, holdMs: 1 }
    await using forgetful = await connect(server.url, { limits })
    const process = await forgetful.start({
      // Little, so that no window holds the process back while its reader waits for the exit; and piece by piece.
      argv: ['sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.02; done; exit 4'],
    })
    let [seen, lags] = ['', 0]
    for await (const event of process) {
      if (event.type === 'lag') {
        assert.not.ok(event.lost)
        lags++
      }
      if (event.type !== 'output') continue
      if (seen === '') await process.wait()
      seen += text(event.bytes)
    }
    assert.equal([seen, lags > 0], ['1\n2\n3\n4\n5\n6\n7\n8\n9\n', true])
    assert.is(text((await process.output()).stdout), seen)
  })

  test.full('an unread process holds up no other', async () => {
    const flood = await client.start({ argv: ['yes'] })
    const reader = flood.stdout.getReader()
    await reader.read()
    const output = await client.run({ argv: ['echo', 'here'] })
    assert.is(text(output.stdout), 'here\n')
    await flood.terminate()
    await reader.cancel()
  })

  unless('noStdin', 'what is written is read by the process, in order', async () => {
    const process = await client.start({ argv: ['head', '-c', '600000'], stdin: 'pipe' })
    const pieces = Array.from({ length: 6 }, (_, index) => new Uint8Array(100_000).fill(65 + index))
    const [output] = await Promise.all([process.output(), ...pieces.map((piece) => process.write(piece))])
    const expected = pieces.map((piece) => text(piece)).join('')
    assert.ok(text(output.stdout) === expected)
  })

  unless('noExtensions', 'a stream into stdin ends with an end of file', async () => {
    const process = await client.start({ argv: ['wc', '-c'], stdin: 'pipe' })
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let index = 0; index < 50; index++) controller.enqueue(new Uint8Array(99_999))
        controller.close()
      },
    })
    await source.pipeTo(process.stdin)
    assert.is(text((await process.output()).stdout).trim(), String(50 * 99_999))
  })

  unless('noExtensions', 'run feeds its input and closes it', async () => {
    const { stdout } = await client.run({ argv: ['tr', 'a-z', 'A-Z'] }, { input: 'shout' })
    assert.is(text(stdout), 'SHOUT')
  })

  unless(
    'noExtensions',
    'a process that does not read its input holds the writer back, and ends it by its own end',
    async () => {
      const process = await client.start({ argv: ['sleep', '30'], stdin: 'pipe' })
      const writer = process.stdin.getWriter()
      let written = 0
      const writing = (async () => {
        for (;;) {
          await writer.write(new Uint8Array(256 * 1024))
          written++
        }
      })()
      writing.catch(() => {})
      await whenIdle(client, () => written)
      assert.ok(written < 40, `${written} pieces of 256 KiB were taken`)
      await process.terminate()
      const failure = await writing.then(
        () => undefined,
        (error: Error) => error,
      )
      assert.instance(failure, Error)
    },
  )

  if (subject.faults.has('noExtensions')) {
    test('what the server cannot do is said, and nothing else is done instead', async () => {
      const process = await client.start({
        argv: ['sleep', '30'],
        ...(subject.faults.has('noStdin') ? {} : { stdin: 'pipe' as const }),
      })
      await assert_rejects(process.closeStdin(), UnsupportedError)
      await assert_rejects(process.resize({ rows: 10, columns: 10 }), UnsupportedError)
      await assert_rejects(process.signal('stop'), UnsupportedError)
      await assert_rejects(client.listProcesses(), UnsupportedError)
      await assert_rejects(client.attach(1), UnsupportedError)
      if (subject.faults.has('noSignal')) await assert_rejects(process.signal('interrupt'), UnsupportedError)
      await process.terminate()
    })
  }

  test('terminate kills, and tells whether there was something to kill', async () => {
    const process = await client.start({ argv: ['sleep', '60'] })
    assert.is(await process.terminate(), true)
    const { exitCode } = await process.wait()
    assert.is(exitCode, subject.faults.has('noSignalCodes') ? -1 : 137)
    await process.output()
    assert.is(await process.terminate(), false)
  })

  unless('noSignal', 'an interrupt runs the trap of the process', async () => {
    const process = await client.start({
      argv: ['sh', '-c', 'trap "exit 7" INT; echo ready; while :; do sleep 0.05; done'],
    })
    for await (const event of process) if (event.type === 'output') break
    await process.signal('interrupt')
    assert.is((await process.wait()).exitCode, 7)
  })

  unless('noExtensions', 'other signals arrive, too', async () => {
    const process = await client.start({
      argv: ['sh', '-c', 'trap "echo hup" HUP; trap "exit 9" USR1; echo ready; while :; do sleep 0.05; done'],
    })
    const seen: string[] = []
    for await (const event of process) {
      // The shell remarks on the signal on stderr.
      if (event.type !== 'output' || event.stream !== 'stdout') continue
      seen.push(text(event.bytes).trim())
      await process.signal(seen.length === 1 ? 'hangup' : 'user1')
    }
    assert.equal([seen, (await process.wait()).exitCode], [['ready', 'hup'], 9])
  })

  unless('noExtensions', 'a terminal has the size that was asked for, and the one that comes later', async () => {
    const process = await client.start({
      argv: ['sh', '-c', 'trap "stty size; exit" WINCH; stty size; while :; do sleep 0.05; done'],
      tty: { rows: 30, columns: 100 },
    })
    let seen = ''
    for await (const event of process) {
      if (event.type !== 'output') continue
      seen += text(event.bytes)
      if (seen === '30 100\r\n') await process.resize({ rows: 12, columns: 34 })
    }
    assert.is(seen, '30 100\r\n12 34\r\n')
  })

  test('a terminal gives back what is typed, and takes ^D for the end', async () => {
    const process = await client.start({ argv: ['cat'], tty: true, env: { TERM: 'dumb' } })
    const output = process.output()
    await process.write('hi\n')
    await process.closeStdin()
    assert.is(text((await output).stdout), 'hi\r\nhi\r\n')
  })

  test('a process has the variables of the server, and those it is given', async () => {
    const { stdout } = await client.run({
      argv: ['sh', '-c', 'echo $GIVEN; test -n "$PATH" && echo path'],
      env: { GIVEN: 'a "b" ü' },
    })
    assert.is(text(stdout), 'a "b" ü\npath\n')
    const exact = await client.run({ argv: ['/usr/bin/env'], env: { ONLY: '1' }, envPolicy: null })
    assert.is(text(exact.stdout), 'ONLY=1\n')
  })

  test('a process starts in the given directory, by path or by URL', async () => {
    assert.is(text((await client.run({ argv: ['pwd'], cwd: '/usr/lib' })).stdout), '/usr/lib\n')
    assert.is(text((await client.run({ argv: ['pwd'], cwd: new URL('file:///usr/lib') })).stdout), '/usr/lib\n')
    await assert_rejects(client.start({ argv: ['pwd'], cwd: 'relative' }), TypeError)
  })

  test('a missing program is an error with its code', async () => {
    const failure = await client.start({ argv: ['/no/such/program'] }).then(
      () => undefined,
      (error: unknown) => error,
    )
    assert.ok(failure instanceof RpcError && failure.code === -32603, String(failure))
    // The name is free again, and the client lives.
    assert.is((await client.run({ argv: ['true'] })).exitCode, 0)
  })

  test('two processes of one name are refused', async () => {
    const process = await client.start({ argv: ['sleep', '60'], id: 'twin' })
    await assert_rejects(client.start({ argv: ['true'], id: 'twin' }), Error)
    assert.is(await process.terminate(), true)
  })

  test('an aborted run ends the process', async () => {
    const mark = `97${Math.floor(Math.random() * 1e6)}`
    const controller = new AbortController()
    const running = client.run({ argv: ['sleep', mark] }, { signal: controller.signal })
    await eventually(async () => (await client.run({ argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 0, 30_000)
    controller.abort(new Error('enough'))
    await assert_rejects(running, /enough/)
    await eventually(async () => (await client.run({ argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 1, 30_000)
  })

  test('a start that is given up leaves no process behind', async () => {
    const mark = `98${Math.floor(Math.random() * 1e6)}`
    for (let turn = 0; turn < 5; turn++) {
      const controller = new AbortController()
      const starting = client.start({ argv: ['sleep', mark] }, { signal: controller.signal })
      for (let wait = 0; wait < turn; wait++) await new Promise((resolve) => setImmediate(resolve))
      controller.abort(new Error('changed my mind'))
      await starting.then(
        () => undefined,
        () => undefined,
      )
    }
    const kept = await client.run({ argv: ['true'] })
    assert.is(kept.exitCode, 0)
    if (!subject.faults.has('noSignal'))
      await eventually(
        async () => (await client.run({ argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 1,
        30_000,
      )
  })

  test('waiting can be given up, and the process goes on', async () => {
    const process = await client.start({ argv: ['sleep', '60'] })
    await assert_rejects(process.wait({ signal: AbortSignal.timeout(50) }), /./)
    const events = process.events({ signal: AbortSignal.timeout(50) })
    await assert_rejects(events.next(), /./)
    assert.is(await process.terminate(), true)
  })

  test('a process that goes out of scope is terminated', async () => {
    const mark = `99${Math.floor(Math.random() * 1e6)}`
    {
      await using process = await client.start({ argv: ['sleep', mark] })
      assert.type(process.id, 'string')
    }
    await eventually(async () => (await client.run({ argv: ['pgrep', '-fx', `sleep ${mark}`] })).exitCode === 1, 30_000)
  })

  const commandsAtOnce = (count: number) => async (): Promise<void> => {
    const numbers = Array.from({ length: count }, (_, index) => String(index))
    const outputs = await Promise.all(numbers.map((number) => client.run({ argv: ['echo', number] })))
    assert.equal(
      outputs.map(({ stdout }) => text(stdout).trim()),
      numbers,
    )
  }
  test.full('fifty commands at once each get their own answer', commandsAtOnce(50))
  // More than the calls that are under way at a time.
  test.full('two hundred commands at once each get their own answer', commandsAtOnce(200))

  test('a sandbox is enforced or refused, and never ignored', async () => {
    const sandbox = {
      files: { unrestricted: false, entries: [{ at: { type: 'root' }, access: 'read' }] },
      network: 'restricted',
      cwd: '/',
    } as Sandbox
    const file = `/tmp/exec-server-client-sandbox-${Math.random()}`
    // Codex 0.150 and newer need their own sandbox program beside them, and a home that is not below /tmp; then it says so.
    const outcome = await client.run({ argv: ['sh', '-c', `echo x > ${file}`], sandbox }).then(
      ({ exitCode }) => exitCode !== 0,
      (error: Error) => error,
    )
    assert.ok(outcome === true || outcome instanceof RpcError || outcome instanceof UnsupportedError, String(outcome))
    if (subject.version === '0.130.0') assert.instance(outcome, UnsupportedError)
    assert.is(await client.fs.exists(file), false)
  })

  test('two thousand calls at once are all answered', async () => {
    const found = await Promise.all(Array.from({ length: 2000 }, () => client.fs.getMetadata('/usr')))
    assert.ok(found.every(({ isDirectory }) => isDirectory))
  })

  unless('noExtensions', 'a process of another client can be watched, written to and ended', async () => {
    const process = await client.start({
      argv: ['sh', '-c', 'echo first; while read line; do echo "got $line"; done; exit 4'],
      stdin: 'pipe',
    })
    await using other = await connect(server.url, { clientName: 'watcher' })
    const listed = (await other.listProcesses()).find(({ processId }) => processId === process.id)
    assert.ok(listed !== undefined && listed.argv[0] === 'sh' && listed.state === 'running' && listed.attached)
    const watched = await other.attach(listed.run)
    let seen = ''
    for await (const event of watched) {
      if (event.type === 'output') seen += text(event.bytes)
      if (seen === 'first\n') await watched.write('hello\n')
      if (seen === 'first\ngot hello\n') await watched.closeStdin()
    }
    assert.is(seen, 'first\ngot hello\n')
    assert.is((await watched.wait()).exitCode, 4)
    // Its own client has been told all the same.
    assert.is(text((await process.output()).stdout), seen)
  })

  test.run()
}

async function assert_rejects(
  promise: Promise<unknown>,
  expected: RegExp | (new (...args: never[]) => Error),
): Promise<void> {
  const failure = await promise.then(
    () => undefined,
    (error: Error) => error,
  )
  assert.ok(failure !== undefined, 'it did not fail')
  if (expected instanceof RegExp) assert.match(failure.message, expected)
  else assert.ok(failure instanceof expected, `${failure.name}: ${failure.message}`)
}

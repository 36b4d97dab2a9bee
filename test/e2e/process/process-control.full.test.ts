/** What is done to processes beyond Codex's protocol, through a real server: end of file, size, signals. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client, RpcFailure } from '../../support/client.ts'
import { eventually, serverCommand, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { skip, suite } from '../../support/suite.ts'

const test = suite('process control')
let server: RunningServer
let client: Client

test.before(async () => {
  server = await startServer()
  client = await Client.connect(server.url)
})

test.after(async () => {
  await client.close()
  await server.stop()
})

const sh = (script: string): string[] => ['/bin/sh', '-c', script]
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64')

const confined = {
  sandbox: {
    permissions: {
      type: 'managed',
      file_system: {
        type: 'restricted',
        entries: [{ path: { type: 'special', value: { kind: 'root' } }, access: 'read' }],
      },
      network: 'restricted',
    },
    cwd: null,
  },
}
const [command, args] = serverCommand(['doctor'])
const canConfine = process.platform === 'linux' && spawnSync(command, args, { timeout: 20_000 }).status === 0
const places = [{ place: '', more: {} }, ...(canConfine ? [{ place: ' in a sandbox', more: confined }] : [])]

/** More than a pipe and the queue before it take. */
const MEGABYTES = 4

let ids = 0
const newId = (): string => `p${++ids}`

async function started(argv: readonly string[], more: object): Promise<string> {
  const id = newId()
  await client.start(id, argv, more)
  return id
}

const shows = (id: string, text: string | RegExp): Promise<unknown> =>
  client.until(
    () => (typeof text === 'string' ? outputOf(id).includes(text) : text.test(outputOf(id))),
    10_000,
    `${text} of ${id}: ${outputOf(id)}`,
  )
const outputOf = (id: string): string => client.outputOf(id).toString()
const signal = (processId: string, name: string): Promise<unknown> =>
  client.request('process/signal', { processId, signal: name })
const write = (processId: string, chunk: string | Buffer): Promise<{ status: string }> =>
  client.request('process/write', { processId, chunk: base64(chunk) })
const closeStdin = (processId: string): Promise<{ status: string }> =>
  client.request('process/closeStdin', { processId })
const descriptors = (): number => readdirSync(`/proc/${server.child.pid}/fd`).length
/** The letter for what the process does, of the kernel's. */
const stateOf = (pid: string): string =>
  spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' }).stdout.trim()[0] ?? 'gone'

for (const { place, more } of places) {
  test(`closing stdin ends the input behind all that was written${place}`, async () => {
    const id = await started(['cat'], { ...more, pipeStdin: true })
    assert.is((await write(id, 'hello ')).status, 'accepted')
    const last = write(id, 'world')
    assert.is((await closeStdin(id)).status, 'accepted')
    assert.is((await last).status, 'accepted')
    assert.is(await client.closed(id), 0)
    assert.is(outputOf(id), 'hello world')
    assert.is((await closeStdin(id)).status, 'stdinClosed')
  })

  test(`all of a large input is read before its end comes${place}`, async () => {
    const id = await started(sh('sleep 0.3; wc -c'), { ...more, pipeStdin: true })
    const megabyte = Buffer.alloc(1024 * 1024, 'x')
    const writes = Array.from({ length: MEGABYTES }, () => write(id, megabyte))
    const end = closeStdin(id)
    assert.is((await end).status, 'accepted')
    assert.is((await write(id, 'late')).status, 'stdinClosed')
    for (const { status } of await Promise.all(writes)) assert.is(status, 'accepted')
    assert.is(await client.closed(id), 0)
    assert.is(outputOf(id).trim(), String(MEGABYTES * 1024 * 1024))
  })

  test(`a terminal has the size that its start asks for, and a resize tells the program${place}`, async () => {
    const script = 'stty size; trap "stty size" WINCH; echo ready; while :; do sleep 0.05; done'
    const id = await started(sh(script), { ...more, tty: true, terminalSize: { rows: 31, columns: 117 } })
    await shows(id, 'ready')
    assert.match(outputOf(id), /31 117\r\nready/)
    assert.equal(await client.request('process/resize', { processId: id, rows: 50, columns: 132 }), {})
    await shows(id, '50 132')
    await client.request('process/terminate', { processId: id })
    await client.closed(id)
    assert.equal(await client.request('process/resize', { processId: id, rows: 10, columns: 10 }), {})
  })

  for (const tty of [false, true]) {
    const mode = `${place}${tty ? ' on a terminal' : ''}`

    test(`each signal reaches a trap${mode}`, async () => {
      const traps = ['INT', 'TERM', 'HUP', 'QUIT', 'USR1', 'USR2']
        .map((name) => `trap "echo got-${name}." ${name}`)
        .join('; ')
      const id = await started(sh(`${traps}; echo ready; while :; do sleep 0.05; done`), { ...more, tty })
      await shows(id, 'ready')
      const names = { interrupt: 'INT', terminate: 'TERM', hangup: 'HUP', quit: 'QUIT', user1: 'USR1', user2: 'USR2' }
      for (const [name, trapped] of Object.entries(names)) {
        assert.equal(await signal(id, name), {})
        await shows(id, `got-${trapped}.`)
      }
      await signal(id, 'kill')
      assert.is(await client.closed(id), 137)
    })

    test(`a stopped process continues on SIGCONT, and is not taken for dead${mode}`, async () => {
      const id = await started(sh('n=0; while :; do n=$((n+1)); echo "tick-$n."; sleep 0.05; done'), { ...more, tty })
      await shows(id, 'tick-2.')
      await signal(id, 'stop')
      // What it had written before comes before what another process writes now.
      await client.run(newId(), ['echo'])
      const before = outputOf(id)
      // Another one writes as often as it does, for long enough to be told apart.
      await client.run(newId(), sh('for n in 1 2 3 4 5 6; do echo; sleep 0.05; done'))
      assert.is(outputOf(id), before)
      assert.is(
        client.eventsOf(id).some(({ method }) => method !== 'process/output'),
        false,
      )
      await signal(id, 'continue')
      await client.until(() => outputOf(id).length > before.length + 20)
      await signal(id, 'stop')
      assert.equal(await client.request('process/terminate', { processId: id }), { running: true })
      assert.is(await client.closed(id), 137)
    })

    test(`a stopped process that is asked to end can do so in its time${mode}`, async () => {
      const id = await started(sh('trap "echo bye; exit 3" TERM; echo ready; while :; do sleep 0.05; done'), {
        ...more,
        tty,
      })
      await shows(id, 'ready')
      await signal(id, 'stop')
      assert.equal(await client.request('process/terminate', { processId: id, graceMs: 20_000 }), { running: true })
      assert.is(await client.closed(id), 3)
    })
  }
}

test('without a size a terminal has 24 rows and 80 columns', async () => {
  const { output } = await client.run(newId(), sh('stty size'), { tty: true })
  assert.is(output.trim(), '24 80')
})

test('every holder of the pipe sees the end of stdin at once, and no descriptor is left', async () => {
  if (process.platform !== 'linux') skip('there is no /proc')
  const script = sh('cat; echo "end"; sleep 30')
  const holding = async (more: object, closing: boolean, atMost = Infinity): Promise<number> => {
    const held = await Promise.all(Array.from({ length: 10 }, () => started(script, more)))
    for (const id of held) if (closing) await closeStdin(id)
    for (const id of held) await shows(id, 'end')
    // Those of the processes before may still be closing.
    await eventually(() => descriptors() <= atMost, undefined, `at most ${atMost} descriptors`)
    const open = descriptors()
    for (const id of held) await client.request('process/terminate', { processId: id })
    for (const id of held) await client.closed(id)
    return open
  }
  const without = await holding({}, false)
  await holding({ pipeStdin: true }, true, without)
})

test("a terminal's stdin is ended by a character, as the refusal says", async () => {
  const id = await started(['cat'], { tty: true })
  const refusal = await closeStdin(id).catch((error: unknown) => error)
  assert.instance(refusal, RpcFailure)
  assert.is((refusal as RpcFailure).code, -32600)
  await write(id, '\x04')
  assert.is(await client.closed(id), 0)
})

test('a resize needs a terminal and a size', async () => {
  const id = await started(['sleep', '30'], {})
  const codes: number[] = []
  for (const change of [{}, { processId: 'nobody' }, { rows: 0 }, { columns: 65_536 }, { rows: 1.5 }]) {
    const { error } = await client.ask('process/resize', { processId: id, rows: 1, columns: 1, ...change })
    codes.push(error?.code ?? 0)
  }
  assert.equal(codes, [-32600, -32600, -32602, -32602, -32602])
  await client.request('process/terminate', { processId: id })
})

test('a kill by signal takes the foreground job of a terminal, too', async () => {
  const id = await started(['bash', '--norc', '-i'], { tty: true, env: { PATH: process.env['PATH'] ?? '', PS1: '$ ' } })
  await shows(id, '$ ')
  await write(id, 'bash -c \'echo "job $$."; sleep 100; :\'\n')
  await shows(id, /job \d+\./)
  const pid = /job (\d+)\./.exec(outputOf(id))?.[1] as string
  await signal(id, 'stop')
  await eventually(() => stateOf(pid) === 'T', 3000, 'a stopped job')
  await signal(id, 'kill')
  assert.is(await client.closed(id), 137)
  await eventually(() => ['gone', 'Z'].includes(stateOf(pid)), 3000, 'the end of the job')
})

test('extensions of the protocol are announced at the handshake', async () => {
  const other = await Client.open(server.url)
  const { extensions } = await other.request('initialize', { clientName: 'test' })
  for (const name of ['closeStdin', 'resize', 'signals', 'graceMs']) assert.ok(extensions.includes(name), name)
  await other.close()
})

// ---- output windows ----

type Producer = { what: string; script: string; more: object; bytes: number }

const producers: Producer[] = [
  { what: 'a flood through a pipe', script: 'head -c 2000000 /dev/zero | tr "\\0" x', more: {}, bytes: 2_000_000 },
  {
    what: 'a flood through a terminal',
    script: 'stty raw; head -c 1500000 /dev/zero | tr "\\0" x',
    more: { tty: true },
    bytes: 1_500_000,
  },
  {
    what: 'what a background child writes',
    script: '{ head -c 1500000 /dev/zero | tr "\\0" x; } & exit 0',
    more: {},
    bytes: 1_500_000,
  },
  {
    what: 'many small writes',
    script: 'i=0; while [ $i -lt 5000 ]; do echo 1234567; i=$((i+1)); done',
    more: {},
    bytes: 40_000,
  },
]

const longProducers: Producer[] = [
  { what: '20 MB through a pipe', script: 'head -c 20000000 /dev/zero | tr "\\0" x', more: {}, bytes: 20_000_000 },
  {
    what: '5 MB through a terminal',
    script: 'stty raw; head -c 5000000 /dev/zero | tr "\\0" x',
    more: { tty: true },
    bytes: 5_000_000,
  },
  {
    what: '5 MB that a background child writes',
    script: '{ head -c 5000000 /dev/zero | tr "\\0" x; } & exit 0',
    more: {},
    bytes: 5_000_000,
  },
  {
    what: '20,000 small writes',
    script: 'i=0; while [ $i -lt 20000 ]; do echo 1234567; i=$((i+1)); done',
    more: {},
    bytes: 160_000,
  },
]

for (const { what, script, more, bytes } of [...producers, ...longProducers]) {
  const define = producers.some((producer) => producer.what === what) ? test : test.full
  define(`not a byte of ${what} is lost to cuts, with a window`, async () => {
    const outputWindow = 200_000
    let current = await Client.connect(server.url)
    const { sessionId } = current
    await current.start('p', sh(script), { ...more, outputWindow })
    let [got, seq, closed] = [0, 0, false]
    for (let round = 0; !closed; round++) {
      // Every few rounds the client is gone for a while, in which the process would write as much as it can.
      if (round % 5 === 1 && round < 20) {
        await current.drop()
        await client.run(newId(), sh('sleep 0.1'))
        current = await Client.connect(server.url, sessionId)
      }
      const answer = await current.request('process/read', { processId: 'p', afterSeq: seq, waitMs: 5000 })
      let unacknowledged = 0
      for (const chunk of answer.chunks) {
        // The exit has a number, too.
        assert.ok(chunk.seq - seq <= 2, `nothing between ${seq} and ${chunk.seq}`)
        seq = chunk.seq
        const data = Buffer.from(chunk.chunk, 'base64')
        got += data.length
        unacknowledged += data.length
      }
      assert.ok(unacknowledged <= outputWindow + 256 * 1024, `${unacknowledged} bytes ahead`)
      closed = answer.closed && answer.chunks.length === 0
      if (!answer.closed) await current.request('process/acknowledge', { processId: 'p', seq })
    }
    assert.is(got, bytes)
    await current.close()
  })
}

test('a process that its window holds back can be terminated', async () => {
  const id = await started(['yes'], { outputWindow: 1000 })
  await client.until(() => outputOf(id).length > 1000)
  assert.equal(await client.request('process/terminate', { processId: id }), { running: true })
  await client.until(() => client.eventsOf(id).some(({ method }) => method === 'process/exited'), 5000, 'the exit')
  // What it had written before is held back as ever, and comes when its time has come.
  while (!client.eventsOf(id).some(({ method }) => method === 'process/closed')) {
    const seq = client.eventsOf(id).at(-1)?.params.seq ?? 0
    await client.request('process/acknowledge', { processId: id, seq })
    await client.until(() => (client.eventsOf(id).at(-1)?.params.seq ?? 0) > seq)
  }
})

// ---- what others run ----

test('any client sees what runs, joins in, and leaves without ending it', async () => {
  const owner = await Client.connect(server.url)
  await owner.start('theirs', ['cat'], { tty: true, cwd: '/tmp' })
  const { processes } = await client.request('process/list', {})
  const found = processes.find(({ processId }: { processId: string }) => processId === 'theirs')
  assert.equal(
    [found.client, found.session, found.attached, found.argv, found.cwd, found.tty, found.state, found.exitCode],
    ['test', owner.sessionId.slice(0, 8), true, ['cat'], '/tmp', true, 'running', null],
  )
  assert.is(stateOf(String(found.pid)) === 'gone', false)

  const guest = await Client.connect(server.url)
  assert.equal(await guest.request('process/attach', { run: found.run, processId: 'mine' }), {
    processId: 'mine',
    argv: ['cat'],
    tty: true,
    state: 'running',
  })
  await guest.request('process/resize', { processId: 'mine', rows: 40, columns: 100 })
  await guest.request('process/write', { processId: 'mine', chunk: base64('hello\n'), writeId: '1' })
  await owner.until(() => owner.outputOf('theirs').includes('hello'))
  const { chunks } = await guest.request('process/read', { processId: 'mine', waitMs: 5000 })
  assert.match(Buffer.from(chunks[0].chunk, 'base64').toString(), 'hello')
  await guest.close()
  await owner.request('process/write', { processId: 'theirs', chunk: base64('still here\n') })
  await owner.until(() => owner.outputOf('theirs').includes('still here'))

  const last = await Client.connect(server.url)
  await last.request('process/attach', { run: found.run, processId: 'x' })
  await last.request('process/signal', { processId: 'x', signal: 'kill' })
  assert.is(await owner.closed('theirs'), 137)
  assert.is(last.eventsOf('x').length + last.eventsOf('theirs').length, 0)
  await owner.close()
  await last.close()
})

test('a server that requires sandboxes shows no client what others run', async () => {
  const strict = await startServer(['--require-sandbox'])
  try {
    const confinedClient = await Client.open(strict.url)
    const { extensions } = await confinedClient.request('initialize', { clientName: 'x' })
    confinedClient.notify('initialized', {})
    assert.is(extensions.includes('processList'), false)
    for (const [method, params] of [
      ['process/list', null],
      ['process/attach', { run: 1, processId: 'x' }],
    ] as const) {
      assert.is((await confinedClient.ask(method, params)).error?.code, -32600)
    }
    await confinedClient.close()
  } finally {
    await strict.stop()
  }
})

test.run()

/** Processes through a real server, over a real socket. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { Client, RpcFailure } from '../../support/client.ts'
import { eventually, isAlive, sleep, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const test = suite('processes')
let server: RunningServer
let client: Client
let folder: string

test.before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'exec-server-test-'))
  server = await startServer()
  client = await Client.connect(server.url)
})

test.after(async () => {
  await client.close()
  await server.stop()
  rmSync(folder, { recursive: true })
})

const sh = (script: string): string[] => ['/bin/sh', '-c', script]

/** Usually 8 MiB. */
const STACK_KIB = Number(execFileSync('/bin/sh', ['-c', 'ulimit -s'], { encoding: 'utf8' })) || Infinity

/** Runs a script on pipes and on a terminal. */
const MODES = [
  { name: 'pipes', more: {}, stream: 'stdout' },
  { name: 'a terminal', more: { tty: true }, stream: 'pty' },
]

async function failure(promise: Promise<unknown>): Promise<RpcFailure> {
  try {
    await promise
  } catch (error) {
    if (error instanceof RpcFailure) return error
    throw error
  }
  throw new Error('expected an error')
}

test('output, exit and close come in order, numbered from 1 without gaps', async () => {
  await client.start('order', sh('echo out; sleep 0.1; echo err >&2; exit 7'))
  assert.is(await client.closed('order'), 7)
  const events = client.eventsOf('order')
  assert.equal(
    events.map(({ method }) => method),
    ['process/output', 'process/output', 'process/exited', 'process/closed'],
  )
  assert.equal(
    events.map(({ params }) => params.seq),
    [1, 2, 3, 4],
  )
  assert.equal(events.map(({ params }) => params['stream']).slice(0, 2), ['stdout', 'stderr'])
})

async function answerFirst(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const id = `first-${rounds}-${round}`
    await client.run(id, ['/bin/echo', 'x'])
    const answer = client.messages.findIndex((text) => text.includes(`"result":{"processId":"${id}"`))
    const event = client.messages.findIndex((text) => text.includes('"method"') && text.includes(`"${id}"`))
    assert.ok(answer >= 0 && answer < event)
  }
}

const ANSWER_FIRST = 'the answer to process/start comes before the first notification of the process'
test(ANSWER_FIRST, () => answerFirst(6))
test.full(`${ANSWER_FIRST}, in 20 rounds`, () => answerFirst(20))

for (const { name, more, stream } of MODES) {
  test(`every byte of a megabyte arrives from ${name}, exactly once`, async () => {
    const id = `megabyte-${name}`
    await client.start(id, sh('seq 1 150000'), more)
    assert.is(await client.closed(id), 0)
    const expected = Array.from(
      { length: 150_000 },
      (_, index) => `${index + 1}${stream === 'pty' ? '\r' : ''}\n`,
    ).join('')
    assert.is(client.outputOf(id, stream).toString(), expected)
  })

  test(`bytes that are no text arrive as they were from ${name}`, async () => {
    const id = `binary-${name}`
    const all = Array.from({ length: 256 }, (_, byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
    await client.start(id, sh(`test -t 0 && stty -opost; printf '${all}'`), more)
    await client.closed(id)
    assert.equal(
      [...client.outputOf(id)],
      Array.from({ length: 256 }, (_, byte) => byte),
    )
  })

  test(`exit codes of ${name} are the program's own, or 128 and the signal`, async () => {
    for (const [script, code] of [
      ['exit 0', 0],
      ['exit 255', 255],
      ['kill -KILL $$', 137],
      ['kill -TERM $$', 143],
      ['kill -SEGV $$', 139],
    ] as const) {
      assert.is((await client.run(`code-${name}-${code}`, sh(script), more)).code, code)
    }
  })

  test(`what cannot be started is an error of process/start with ${name}, and frees the id`, async () => {
    const noFormat = join(folder, 'no-format')
    writeFileSync(noFormat, 'echo never\n', { mode: 0o755 })
    const noInterpreter = join(folder, 'no-interpreter')
    writeFileSync(noInterpreter, '#!/nowhere/sh\necho never\n', { mode: 0o755 })
    const noPermission = join(folder, 'no-permission')
    writeFileSync(noPermission, '#!/bin/sh\n', { mode: 0o644 })
    const foreign = join(folder, 'foreign')
    const elf = Buffer.alloc(64)
    elf.write('\x7fELF')
    elf[18] = 0xf3 // RISC-V
    writeFileSync(foreign, elf, { mode: 0o755 })
    const cases: (readonly [string, readonly string[], object])[] = [
      ['program /nowhere/program does .*: No such file or directory (os error 2)', ['/nowhere/program'], {}],
      ['program no-such-program was .*: No such file or directory (os error 2)', ['no-such-program'], {}],
      ['working directory /nowhere .*: No such file or directory (os error 2)', ['/bin/true'], { cwd: '/nowhere' }],
      ['working directory /etc/passwd .*: Not a directory (os error 20)', ['/bin/true'], { cwd: '/etc/passwd' }],
      ['program /etc is .*: Permission denied (os error 13)', ['/etc'], {}],
      ['program .* is .*: Permission denied (os error 13)', [noPermission], {}],
      ['program .* has .*: Exec format error (os error 8)', [noFormat], {}],
      ['program .* has .*: Exec format error (os error 8)', [foreign], {}],
      ['program .*needs .* /nowhere/sh, .*: No such file or directory (os error 2)', [noInterpreter], {}],
      ['Argument list too long (os error 7)', ['/bin/true', 'x'.repeat(200_000)], {}],
      // Linux takes a quarter of the limit of the stack, and a message somewhat more than that usually is.
      ...(STACK_KIB > 4 * 4096
        ? []
        : [
            [
              'Argument list too long (os error 7)',
              ['/bin/true', ...Array.from({ length: 41 }, () => 'x'.repeat(100_000))],
              {},
            ] as const,
          ]),
    ]
    for (const [message, argv, extra] of cases) {
      const error = await failure(client.start(`bad-${name}`, argv, { ...more, ...extra }))
      assert.is(error.code, -32603, argv[0])
      assert.match(error.message, new RegExp(`^${message.replace(/[()]/g, '\\$&')}$`))
    }
    assert.is((await failure(client.start(`bad-${name}`, [''], more))).code, -32603)
    assert.is((await failure(client.start(`bad-${name}`, ['/bin/echo', 'a\0b'], more))).code, -32603)
    assert.is((await failure(client.start(`bad-${name}`, [], more))).code, -32602)
    assert.is((await client.run(`bad-${name}`, ['/bin/echo', 'free'], more)).code, 0)
  })

  test(`arg0 becomes argv[0] and leaves the program alone with ${name}`, async () => {
    const { output } = await client.run(`arg0-${name}`, ['/bin/sh', '-c', 'echo $0 $1', 'custom', 'two words'], more)
    assert.is(output.trim(), 'custom two words')
    const named = await client.run(`arg0-named-${name}`, ['/bin/sh', '-c', "tr '\\0' ' ' < /proc/$$/cmdline"], {
      ...more,
      arg0: 'my shell',
    })
    assert.match(named.output, /^my shell -c /)
    const env = await client.run(`arg0-env-${name}`, ['/usr/bin/env'], {
      ...more,
      arg0: 'other',
      env: { ONLY: 'this', SHELL: '/bin/sh' },
    })
    assert.is(
      env.output.trim().replaceAll('\r', ''),
      name === 'pipes' || !('Deno' in globalThis) ? 'ONLY=this\nSHELL=/bin/sh' : env.output.trim().replaceAll('\r', ''),
    )
  })

  test(`a name without a slash is looked for on the child's own PATH with ${name}`, async () => {
    const program = join(folder, 'only-here')
    writeFileSync(program, '#!/bin/sh\necho found\n', { mode: 0o755 })
    const { output } = await client.run(`path-${name}`, ['only-here'], {
      ...more,
      env: { PATH: `/nowhere:${folder}:/usr/bin:/bin` },
    })
    assert.is(output.trim(), 'found')
    const relative = await client.run(`relative-${name}`, ['./only-here'], {
      ...more,
      cwd: folder,
      env: { PATH: '/usr/bin:/bin' },
    })
    assert.is(relative.output.trim(), 'found')
    const noPath = await client.run(`no-path-${name}`, ['echo', 'by default path'], { ...more, env: {} })
    assert.is(noPath.output.trim(), 'by default path')
  })

  test(`output of a grandchild that outlives the root still comes with ${name}, before closed`, async () => {
    const { output } = await client.run(
      `grandchild-${name}`,
      sh('trap "" HUP; (sleep 0.3; echo late) & echo early'),
      more,
    )
    assert.is(output.replaceAll('\r', ''), 'early\nlate\n')
    const read = await client.request('process/read', { processId: `grandchild-${name}` })
    assert.is(read.closed, true)
    assert.match(
      Buffer.concat(read.chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64'))).toString(),
      /late/,
    )
  })

  test(`terminate kills the whole group at once with ${name}`, async () => {
    await client.start(`kill-${name}`, sh('trap "" TERM HUP INT; sleep 60 & echo $!; sleep 61'), more)
    const child = await client.until(() => Number(client.outputOf(`kill-${name}`).toString()) || undefined)
    assert.equal(await client.request('process/terminate', { processId: `kill-${name}` }), { running: true })
    assert.is(await client.closed(`kill-${name}`), 137)
    await eventually(() => !isAlive(child), 2000, 'the death of the grandchild')
    assert.equal(await client.request('process/terminate', { processId: `kill-${name}` }), { running: false })
  })

  test(`terminate also kills background children that are left when the root has exited, with ${name}`, async () => {
    await client.start(`left-${name}`, sh('trap "" HUP; sleep 60 & echo $!'), more)
    const child = await client.until(() => Number(client.outputOf(`left-${name}`).toString()) || undefined)
    await client.until(() => client.eventsOf(`left-${name}`).some(({ method }) => method === 'process/exited'))
    assert.ok(isAlive(child))
    assert.equal(await client.request('process/terminate', { processId: `left-${name}` }), { running: false })
    await client.closed(`left-${name}`)
    await eventually(() => !isAlive(child), 2000, 'the death of the grandchild')
  })

  test(`a process that fled into another session cannot hold up closed after terminate, with ${name}`, async () => {
    await client.start(`fled-${name}`, sh('setsid sleep 60 & sleep 0.2; echo $!; sleep 60'), more)
    await client.until(() => client.outputOf(`fled-${name}`).length > 0)
    await client.request('process/terminate', { processId: `fled-${name}` })
    // What fled would sleep on for longer than this waits.
    await client.closed(`fled-${name}`)
    await eventually(() => !isAlive(Number(client.outputOf(`fled-${name}`))), 5000, 'the death of who fled')
  })

  test(`a signal interrupts the group with ${name}`, async () => {
    await client.start(
      `signal-${name}`,
      sh('trap "echo trapped; exit 9" INT; echo ready; while :; do sleep 0.05; done'),
      more,
    )
    await client.until(() => client.outputOf(`signal-${name}`).toString().includes('ready'))
    assert.equal(await client.request('process/signal', { processId: `signal-${name}`, signal: 'interrupt' }), {})
    assert.is(await client.closed(`signal-${name}`), 9)
    assert.match(client.outputOf(`signal-${name}`).toString(), /trapped/)
  })

  test(`the environment is exactly the request's with ${name}`, async () => {
    const { output } = await client.run(`env-${name}`, ['/usr/bin/env'], {
      ...more,
      env: { A: '1', constructor: 'x', 'with space': 'ü' },
    })
    const lines = output
      .trim()
      .replaceAll('\r', '')
      .split('\n')
      .filter((line) => !line.startsWith('SHELL='))
      .sort()
    assert.equal(lines, ['A=1', 'constructor=x', 'with space=ü'])
  })

  test(`a child sees no descriptors of the server with ${name}`, async () => {
    await client.start(`holder-${name}`, ['/bin/sleep', '30'], { tty: true })
    const { output } = await client.run(
      `fds-${name}`,
      sh('ls -l /proc/self/fd | grep -c -e ptmx -e socket; true'),
      more,
    )
    assert.is(output.trim(), '0')
    await client.request('process/terminate', { processId: `holder-${name}` })
  })
}

test('a child can open its own stdout and stderr by name', async () => {
  await client.start('by-name', sh('echo out > /dev/stdout; echo err > /dev/stderr'))
  assert.is(await client.closed('by-name'), 0)
  assert.is(client.outputOf('by-name', 'stdout').toString(), 'out\n')
  assert.is(client.outputOf('by-name', 'stderr').toString(), 'err\n')
})

test('cwd is taken as a path and as a file URI', async () => {
  for (const cwd of [folder, `file://${folder}`, `file://localhost${folder}/../${folder.split('/').at(-1)}/`]) {
    assert.is((await client.run(`cwd-${cwd}`, sh('pwd'), { cwd })).output.trim(), folder)
  }
  for (const cwd of ['relative', '', 'http://host/x', 'file:///x?q', 'file://elsewhere/x']) {
    assert.is((await failure(client.start('bad-cwd', sh('pwd'), { cwd }))).code, -32602, cwd)
  }
})

test('closed stdin reads as its end, and writes to it are answered stdinClosed', async () => {
  await client.start('no-stdin', sh('cat; echo end; sleep 0.3'))
  await client.until(() => client.outputOf('no-stdin').toString() === 'end\n')
  assert.equal(await client.request('process/write', { processId: 'no-stdin', chunk: 'eA==' }), {
    status: 'stdinClosed',
  })
  await client.closed('no-stdin')
})

test('writes reach a pipe in order, once for each write id', async () => {
  await client.start('writes', ['/bin/cat'], { pipeStdin: true })
  const expected: string[] = []
  const answers: Promise<unknown>[] = []
  for (let index = 0; index < 500; index++) {
    const line = `${index}\n`
    expected.push(line)
    const params = { processId: 'writes', chunk: Buffer.from(line).toString('base64'), writeId: `w${index}` }
    answers.push(client.request('process/write', params), client.request('process/write', params))
  }
  for (const answer of await Promise.all(answers)) assert.equal(answer, { status: 'accepted' })
  await client.until(() => client.outputOf('writes').length >= expected.join('').length)
  assert.is(client.outputOf('writes').toString(), expected.join(''))
  await client.request('process/terminate', { processId: 'writes' })
})

test.full('a megabyte written to a terminal comes back whole', async () => {
  await client.start('echo', sh('stty raw -echo; echo ready; exec cat'), { tty: true })
  await client.until(() => client.outputOf('echo').toString().startsWith('ready\n'))
  const data = Buffer.alloc(
    1_000_000,
    (() => {
      const block = Buffer.alloc(4096)
      for (let index = 0; index < block.length; index++) block[index] = index * 7
      return block
    })(),
  )
  for (let at = 0; at < data.length; at += 100_000) {
    await client.request('process/write', {
      processId: 'echo',
      chunk: data.subarray(at, at + 100_000).toString('base64'),
    })
  }
  await client.until(() => client.outputOf('echo').length >= data.length + 6, 20_000)
  assert.ok(client.outputOf('echo').subarray(6).equals(data))
  await client.request('process/terminate', { processId: 'echo' })
})

test('a child that closes all it has of its terminal goes on, and is not hung up on', async () => {
  const { code, output } = await client.run('detached', sh('echo here; exec <&- >&- 2>&-; sleep 0.3; exit 7'), {
    tty: true,
  })
  assert.equal([code, output], [7, 'here\r\n'])
})

/** For so long a server is looked at that has nothing to do. */
const IDLE_MS = 1000

/** A child that does not read is written 512 KiB so many times, of which the last are refused. Gives the answers. */
async function writeToDeaf(client: Client, count: number, more: object): Promise<Promise<unknown>[]> {
  await client.start('deaf', sh('test -t 0 && stty raw -echo; echo ready; sleep 60'), { ...more, pipeStdin: true })
  await client.until(() => client.outputOf('deaf').toString().includes('ready'))
  const chunk = Buffer.alloc(512 * 1024).toString('base64')
  let answered = 0
  const answers = Array.from({ length: count }, async () => {
    const answer = await client.ask('process/write', { processId: 'deaf', chunk })
    answered++
    return answer
  })
  await client.request('fs/getMetadata', { path: '/' })
  assert.ok(answered < count, 'some still wait when what came behind them is answered')
  assert.is((await Promise.race(answers.slice(-count / 10))).error?.code, -32001)
  return answers
}

for (const { name, more } of MODES) {
  test.full(
    `a child on ${name} that does not read delays nothing, and its write is answered with the truth`,
    async () => {
      const small = await startServer(['--stdin-mib', '2'])
      const other = await Client.connect(small.url)
      const answers = await writeToDeaf(other, 10, more)
      await other.request('process/terminate', { processId: 'deaf' })
      await Promise.all(answers)
      await other.closed('deaf')
      await other.close()
      await small.stop()
    },
  )

  test.full(`a child on ${name} that does not read costs no processor time, however much waits for it`, async () => {
    const other = await Client.connect(server.url)
    const answers = await writeToDeaf(other, 200, more)
    const cpu = (): number => {
      const fields = statFields(server.child.pid as number) ?? []
      return (Number(fields[11]) + Number(fields[12])) / 100
    }
    const before = cpu()
    await sleep(IDLE_MS)
    const used = cpu() - before
    assert.ok(used < (0.2 * IDLE_MS) / 1000, `${used} s of processor time`)
    await other.request('process/terminate', { processId: 'deaf' })
    await Promise.all(answers)
    await other.closed('deaf')
    await other.close()
  })
}

/** Terminals are given input and killed, and others take their place. */
async function inheritTerminals(rounds: readonly number[]): Promise<void> {
  const secret = Buffer.alloc(200_000, 'SECRET ').toString('base64')
  for (const round of rounds) {
    await client.start(`victim-${round}`, sh('stty raw -echo; echo ready; sleep 60'), { tty: true })
    await client.until(() => client.outputOf(`victim-${round}`).toString().includes('ready'))
    const write = client.ask('process/write', { processId: `victim-${round}`, chunk: secret })
    const kill = client.ask('process/terminate', { processId: `victim-${round}` })
    await Promise.all([write, kill])
    // The next terminals get the descriptor that the dead one had.
    const ids = [0, 1, 2].map((index) => `heir-${round}-${index}`)
    await Promise.all(
      ids.map((id) => client.start(id, ['/bin/bash', '-c', 'read -t 0.1 line; echo "got $line"'], { tty: true })),
    )
    for (const id of ids) {
      await client.closed(id)
      assert.is(client.outputOf(id).toString(), 'got \r\n')
    }
  }
}

const INHERITED = 'input queued for a terminal that died never reaches the next one'
test(INHERITED, () => inheritTerminals([0]))
test.full(`${INHERITED}, in 22 rounds`, () => inheritTerminals(Array.from({ length: 22 }, (_, index) => index + 1)))

/** Runs quick programs side by side, and looks at all of their output. */
async function readTails(rounds: readonly number[]): Promise<void> {
  const expected = Array.from({ length: 3000 }, (_, index) => index + 1)
  for (const { name, more } of MODES) {
    for (const round of rounds) {
      const ids = Array.from({ length: 8 }, (_, index) => `tail-${name}-${round}-${index}`)
      await Promise.all(ids.map((id) => client.start(id, sh('seq 1 3000'), more)))
      for (const id of ids) {
        await client.closed(id)
        assert.equal(client.outputOf(id).toString().trim().split(/\r?\n/).map(Number), expected)
      }
    }
  }
}

const TAILS = "the tail of a quick program's output is never lost, on pipes or on terminals"
test(TAILS, () => readTails([0]))
test.full(`${TAILS}, in 27 rounds`, () => readTails(Array.from({ length: 27 }, (_, index) => index + 1)))

test('a write after terminate fails, and one to an unknown process says so', async () => {
  await client.start('dead', ['/bin/cat'], { pipeStdin: true })
  await client.request('process/terminate', { processId: 'dead' })
  assert.is((await failure(client.request('process/write', { processId: 'dead', chunk: '' }))).code, -32603)
  assert.equal(await client.request('process/write', { processId: 'nobody', chunk: '' }), { status: 'unknownProcess' })
})

test('a process that ended by itself takes no more input', async () => {
  await client.run('ended', ['/bin/true'], { pipeStdin: true })
  assert.equal(await client.request('process/write', { processId: 'ended', chunk: 'eA==' }), { status: 'stdinClosed' })
})

test('an id is taken until the process is forgotten', async () => {
  await client.run('taken', ['/bin/true'])
  assert.is((await failure(client.start('taken', ['/bin/true']))).code, -32600)
  const [one, two] = await Promise.all([
    client.ask('process/start', startParams('twice')),
    client.ask('process/start', startParams('twice')),
  ])
  assert.is(one.error, undefined)
  assert.is(two.error?.code, -32600)
})

const startParams = (processId: string): object => ({ processId, argv: ['/bin/true'], cwd: '/', env: {}, tty: false })

test('a waiting read delays nothing and is woken by output', async () => {
  await client.start('wait', sh('read go; echo news; sleep 60'), { pipeStdin: true })
  let answered = false
  const read = client.request('process/read', { processId: 'wait', waitMs: 60_000 }).finally(() => (answered = true))
  await client.request('fs/getMetadata', { path: '/' })
  assert.not(answered)
  await client.request('process/write', { processId: 'wait', chunk: Buffer.from('go\n').toString('base64') })
  const { chunks, nextSeq, closed } = await read
  assert.is(Buffer.from(chunks[0].chunk, 'base64').toString(), 'news\n')
  assert.is(nextSeq, 2)
  assert.is(closed, false)
  const empty = await client.request('process/read', { processId: 'wait', afterSeq: 1, waitMs: 200 })
  assert.equal(empty, {
    chunks: [],
    nextSeq: 2,
    exited: false,
    exitCode: null,
    closed: false,
    failure: null,
    sandboxDenied: false,
  })
  await client.request('process/terminate', { processId: 'wait' })
})

test.full('a megabyte is retained for each process, the oldest chunks dropped', async () => {
  await client.run('retained', sh('seq 1 300000'))
  const { chunks, nextSeq } = await client.request('process/read', { processId: 'retained' })
  const kept = chunks.reduce(
    (sum: number, { chunk }: { chunk: string }) => sum + Buffer.from(chunk, 'base64').length,
    0,
  )
  assert.ok(kept <= 1024 * 1024 && kept > 1024 * 1024 - 65536 - 1, String(kept))
  assert.is(chunks.at(-1).seq, nextSeq - 3)
  assert.match(Buffer.from(chunks.at(-1).chunk, 'base64').toString(), /300000\n$/)
})

test('adjacent output is joined, up to 64 KiB', async () => {
  const counts: number[] = []
  // The child writes 840 times; on a busy machine the server may be woken for many of them, but not every time.
  for (let round = 0; round < 5 && !counts.some((count) => count < 200); round++) {
    const id = `joined-${round}`
    await client.run(id, sh('seq 1 500000'))
    const outputs = client.eventsOf(id).filter(({ method }) => method === 'process/output')
    const sizes = outputs.map(({ params }) => Buffer.from(params['chunk'] as string, 'base64').length)
    assert.ok(Math.max(...sizes) <= 65536)
    counts.push(sizes.length)
  }
  assert.ok(Math.min(...counts) < 200, `${counts} chunks for 3.4 MB`)
})

async function runTerminals(count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, index) => `many-${count}-${index}`)
  await Promise.all(ids.map((id) => client.start(id, sh(`sleep 0.5; echo ${id}; exit 3`), { tty: true })))
  for (const id of ids) {
    assert.is(await client.closed(id, 30_000), 3)
    assert.is(client.outputOf(id).toString(), `${id}\r\n`)
  }
}

test.full('many terminals at once all deliver their output and exit', () => runTerminals(20))
test.full('600 terminals at once all deliver their output and exit', () => runTerminals(600))

test('no descriptor and no zombie is left of all that', async () => {
  const fds = (): number => readdirSync(`/proc/${server.child.pid}/fd`).length
  const zombies = (): string =>
    execFileSync('sh', ['-c', `ps -o stat= --ppid ${server.child.pid} | grep -c Z || true`])
      .toString()
      .trim()
  await eventually(() => fds() < 60, 20_000, `few descriptors (${fds()})`)
  assert.is(zombies(), '0')
})

test.run()

/** The audit log of the real server: who started what, and how it ended. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { defaultServerLimits } from '../../../src/server/limits.ts'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { jsonLines } from '../../support/json-lines.ts'
import { programRunner } from '../../support/programs/program-runner.ts'
import { eventually, isAlive, serverCommand, startServer } from '../../support/server.ts'
import { test } from '../../support/suite.ts'

type Line = { time: string; event: string } & Record<string, any>

const folder = mkdtempSync(join(tmpdir(), 'exec-server-audit-'))
let files = 0
const newPath = (): string => join(folder, `audit-${++files}`)

const linesOf = (path: string): Line[] => jsonLines<Line>(readFileSync(path, 'utf8'), ['time', 'event'])

/** Every `start` must have exactly one `end` or `refused` of its run, behind it; every end a start. */
function checkRuns(lines: readonly Line[]): void {
  const open = new Set<number>()
  for (const { event, run } of lines) {
    if (event === 'start') {
      assert.not(open.has(run), `run ${run} starts twice`)
      open.add(run)
    }
    if (event === 'end' || (event === 'refused' && run !== null))
      assert.ok(open.delete(run), `run ${run} ends without a start, or twice`)
  }
  assert.equal([...open], [], 'runs without an end')
}

const without = ({ time: _, ...line }: Line, ...names: string[]): Record<string, unknown> => {
  for (const name of names) delete line[name]
  return line
}

test('who joins in and what they do is written down as what was done to the process', async () => {
  const path = newPath()
  const server = await startServer(['--audit-log', path])
  const [owner, guest] = [await Client.connect(server.url), await Client.connect(server.url)]
  await owner.start('p', ['sleep', '100'])
  await guest.request('process/attach', { run: 1, processId: 'a' })
  await guest.ask('process/attach', { run: 7, processId: 'b' })
  await guest.request('process/signal', { processId: 'a', signal: 'user1' })
  await owner.closed('p')
  await guest.request('process/terminate', { processId: 'a' })
  await Promise.all([owner.close(), guest.close()])
  await server.stop()
  const lines = linesOf(path)
  checkRuns(lines)
  const known = { run: 1, session: owner.sessionId, process: 'p' }
  const of = (event: string) => lines.filter((line) => line.event === event)
  for (const line of [...of('attach'), ...of('signal'), ...of('terminate')]) assert.is(line['connection'].number, 2)
  const [joined, refused] = of('attach').map((line) => without(line, 'connection'))
  assert.equal(joined, { event: 'attach', run: 1, session: guest.sessionId, process: 'a' })
  assert.equal(refused, { event: 'attach', run: 7, session: guest.sessionId, process: 'b', reason: 'unknown run 7' })
  assert.equal(
    of('signal').map((line) => without(line, 'connection')),
    [{ event: 'signal', ...known, signal: 'user1' }],
  )
  assert.equal(
    of('terminate').map((line) => without(line, 'connection')),
    [{ event: 'terminate', ...known, running: false }],
  )
})

test('a process leaves its start, its pid and its end, with who asked, and no value of a variable, input or output', async () => {
  const path = newPath()
  const server = await startServer(['--audit-log', path], { ...process.env, OWN_SECRET: 'hidden-own' })
  const client = await Client.connect(server.url)
  const begun = performance.now()
  await client.start('p', ['/bin/sh', '-c', 'echo $$ hidden-"output"; cat; exit 3', 'an argument'], {
    env: { A: 'hidden-value', PATH: '/usr/bin:/bin' },
    cwd: '/tmp',
    pipeStdin: true,
    arg0: 'nickname',
  })
  await client.request('process/write', { processId: 'p', chunk: Buffer.from('hidden-input\n').toString('base64') })
  await client.until(() => client.outputOf('p').includes('hidden-input'))
  const pid = Number(/^\d+/.exec(client.outputOf('p').toString())?.[0])
  await client.request('process/signal', { processId: 'p', signal: 'interrupt' })
  assert.is(await client.closed('p'), 130)
  const elapsed = performance.now() - begun
  const bytes = client.outputOf('p').length
  await client.close()
  await server.stop()

  const lines = linesOf(path)
  assert.equal(
    lines.map(({ event }) => event),
    ['serverStarted', 'start', 'started', 'signal', 'end', 'serverStopped'],
  )
  const [opened, start, started, signal, end] = lines as [Line, Line, Line, Line, Line]
  assert.is(opened['pid'], server.child.pid)
  const known = { run: 1, session: client.sessionId, process: 'p' }
  const { number, peer, client: name } = start['connection']
  assert.equal([number, name], [1, 'test'])
  assert.match(peer, /^127\.0\.0\.1:\d+$/)
  const argv = ['/bin/sh', '-c', 'echo $$ hidden-"output"; cat; exit 3', 'an argument']
  assert.equal(without(start, 'connection'), {
    event: 'start',
    ...known,
    argv,
    arg0: 'nickname',
    cwd: '/tmp',
    env: ['A', 'PATH'],
    tty: false,
    sandbox: 'none',
  })
  assert.equal(without(started), { event: 'started', ...known, pid })
  assert.equal(without(signal, 'connection'), { event: 'signal', session: client.sessionId, process: 'p' })
  assert.equal(without(end, 'ms'), { event: 'end', ...known, pid, exitCode: 130, outputBytes: bytes, killed: false })
  // Rounded, and within the time that we have seen it take.
  assert.ok(end['ms'] >= 1 && end['ms'] <= elapsed + 1, `${end['ms']} of ${elapsed} ms`)
  checkRuns(lines)
  const text = readFileSync(path, 'utf8')
  for (const hidden of ['hidden-value', 'hidden-own', 'hidden-input']) assert.not.match(text, hidden)
  assert.is(text.split('hidden-').length, 2)
})

test('the file is its owner’s alone, and lines are added to what is there', async () => {
  const path = newPath()
  const [command, args] = serverCommand(['--audit-log', path])
  // Whatever the umask would let through.
  const shell = ['-c', 'umask 0; exec "$@"', 'sh', command, ...args, '--listen', 'stdio']
  for (let time = 1; time <= 2; time++) {
    assert.is(spawnSync('/bin/sh', shell, { input: '', timeout: 20_000 }).status, 0)
    assert.is(statSync(path).mode & 0o777, 0o600)
    assert.is(linesOf(path).length, 2 * time)
  }
  // Moved away and emptied, as log rotation with copytruncate does it, it goes on from the beginning.
  const server = await startServer(['--audit-log', path])
  await eventually(() => linesOf(path).length === 5)
  writeFileSync(path, '')
  await server.stop()
  assert.equal(
    linesOf(path).map(({ event }) => event),
    ['serverStopped'],
  )
})

test('a file that cannot be opened ends the server at once with one line', async () => {
  const program = programRunner()
  mkdirSync(join(folder, 'directory'))
  const fifo = join(folder, 'fifo')
  spawnSync('mkfifo', [fifo])
  const bad: [string, string][] = [
    [join(folder, 'none', 'audit'), 'No such file or directory'],
    [join(folder, 'directory'), 'Is a directory'],
    // Nobody reads it: to open it would wait.
    [fifo, 'No such device or address'],
  ]
  for (const [path, reason] of bad) {
    const { code, stdout, stderr } = await program(['--audit-log', path])
    assert.equal([code, stdout], [1, ''], path)
    assert.match(stderr, new RegExp(`^exec-server: cannot open the audit log ${path}: ${reason}[^\\n]*\\n$`))
  }
  assert.is((await program(['--audit-log='])).code, 2)
})

test('each refused start is recorded once with its reason', async () => {
  const path = newPath()
  const server = await startServer(['--audit-log', path])
  const early = await Client.open(server.url)
  const params = { argv: ['/bin/sleep', '100'], cwd: '/', env: {}, tty: false }
  await early.ask('process/start', { processId: 'early', ...params })
  const client = await Client.connect(server.url)
  await client.start('lives', ['/bin/sleep', '100'])
  await client.ask('process/start', { processId: 'lives', ...params })
  await client.ask('process/start', { processId: 'missing', ...params, argv: ['/there/is/none', 'x'] })
  await client.ask('process/start', { processId: 'empty', ...params, argv: [] })
  await client.ask('process/start', { processId: 7, argv: 'text' })
  await client.ask('process/start', [])
  await client.ask('process/start', { processId: 'network', ...params, enforceManagedNetwork: true })
  await client.ask('process/start', { processId: 'terminal', ...params, argv: ['/there/is/none'], tty: true })
  await Promise.all([early.close(), client.close()])
  await server.stop()
  const lines = linesOf(path)
  checkRuns(lines)
  assert.equal(
    lines
      .filter(({ event }) => event === 'refused')
      .map(({ run, process, argv, reason }) => [run, process, argv, String(reason).slice(0, 24)]),
    [
      [null, 'early', params.argv, 'client must call initial'],
      [null, 'lives', params.argv, 'process lives already ex'],
      [2, 'missing', undefined, 'program /there/is/none d'],
      [null, 'empty', [], 'argv must not be empty'],
      [null, null, null, 'processId: Invalid type:'],
      [null, null, null, lines.filter(({ event }) => event === 'refused')[5]?.['reason'].slice(0, 24)],
      [null, 'network', params.argv, 'this executor cannot enf'],
      [3, 'terminal', undefined, 'program /there/is/none d'],
    ],
  )
})

test.full(
  'every start has an end, however it ends: by itself, terminated, with its session, with its server',
  async () => {
    const path = newPath()
    const server = await startServer(['--audit-log', path, '--session-ttl-seconds', '1'])
    const client = await Client.connect(server.url)
    await client.run('by itself', ['/bin/true'])
    await client.start('terminated', ['/bin/sleep', '100'], { tty: true })
    await client.request('process/terminate', { processId: 'terminated' })
    await client.closed('terminated')
    await client.request('process/terminate', { processId: 'terminated' })
    const leaving = await Client.connect(server.url)
    await leaving.start('expires', ['/bin/sleep', '100'])
    await leaving.start('exited', ['/bin/sh', '-c', 'sleep 100 & exit 5'])
    await leaving.until(() => leaving.eventsOf('exited').length > 0)
    await leaving.drop()
    await eventually(
      () => linesOf(path).filter(({ event }) => event === 'end').length === 4,
      20_000,
      'the end of an expired session',
    )
    await client.start('stopped', ['/bin/sleep', '100'])
    // Those that are about to start when the server ends.
    for (let index = 0; index < 20; index++)
      void client.ask('process/start', {
        processId: `late-${index}`,
        argv: ['/bin/sleep', '100'],
        cwd: '/',
        env: {},
        tty: index % 2 === 0,
      })
    assert.is(await server.stop(), 0)

    const lines = linesOf(path)
    checkRuns(lines)
    const ends = lines.filter(({ event, process }) => event === 'end' && !String(process).startsWith('late-'))
    assert.equal(
      ends.map(({ process, exitCode, killed }) => [process, exitCode, killed]),
      [
        ['by itself', 0, false],
        ['terminated', 137, false],
        ['expires', null, true],
        ['exited', 5, true],
        ['stopped', null, true],
      ],
    )
    // A shell that has long exited took as long as it ran, and not as long as its child.
    const [expires, exited] = ['expires', 'exited'].map(
      (id) => ends.find((line) => line['process'] === id)?.['ms'] as number,
    )
    assert.ok((expires as number) >= 1000 && (exited as number) < (expires as number))
    assert.equal(
      lines.filter(({ event }) => event === 'terminate').map(({ process, running }) => [process, running]),
      [
        ['terminated', true],
        ['terminated', false],
      ],
    )
    assert.is(lines.at(-1)?.event, 'serverStopped')
  },
)

test.full('what a client names at length is cut, with a mark', async () => {
  const path = newPath()
  const server = await startServer(['--audit-log', path])
  const client = await Client.connect(server.url)
  const { auditText } = defaultServerLimits
  // Linux takes no single argument beyond 128 KiB.
  const long = 'a'.repeat(auditText + 1000)
  const id = 'i'.repeat(100_000)
  await client.run(id, ['/bin/true', long, 'never seen', 'nor this'])
  await client.run('many', ['/bin/true', ...Array.from({ length: 70_000 }, () => '')])
  await client.close()
  await server.stop()
  const [first, second] = linesOf(path).filter(({ event }) => event === 'start') as [Line, Line]
  const [program, argument, mark, ...rest] = first['argv']
  assert.is(program, '/bin/true')
  assert.is(argument, `${'a'.repeat(auditText - 10)}… (${long.length} characters)`)
  assert.equal([mark, ...rest], ['… (2 more)'])
  assert.ok(first['process'].length < 300)
  assert.is(second['argv'].at(-1), `… (${70_001 - second['argv'].length + 1} more)`)
  const sizes = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.length)
  assert.ok(Math.max(...sizes) < 4 * auditText)
})

test('no process has the file open', async () => {
  const path = newPath()
  const server = await startServer(['--audit-log', path])
  const client = await Client.connect(server.url)
  const look = ['/bin/sh', '-c', 'ls -l /proc/self/fd /proc/$$/fd']
  assert.not.match((await client.run('pipe', look)).output, path)
  assert.not.match((await client.run('terminal', look, { tty: true })).output, path)
  assert.match((await client.run('server', ['/bin/sh', '-c', `ls -l /proc/${server.child.pid}/fd`])).output, path)
  await client.close()
  await server.stop()
})

test('a line that a killed server left behind in part is ended before the next', async () => {
  const path = newPath()
  writeFileSync(path, '{"time":"2026-01-01T00:00:00.000Z","event":"server')
  const server = await startServer(['--audit-log', path])
  await server.stop()
  const [torn, ...whole] = readFileSync(path, 'utf8').split('\n')
  assert.is(torn, '{"time":"2026-01-01T00:00:00.000Z","event":"server')
  assert.equal(
    whole.slice(0, -1).map((line) => JSON.parse(line).event),
    ['serverStarted', 'serverStopped'],
  )
})

test.full('where it cannot be written nothing is started, and all else goes on', async () => {
  const path = newPath()
  symlinkSync('/dev/full', path)
  const server = await startServer(['--audit-log', path, '--log-level', 'error'])
  const client = await Client.connect(server.url)
  const mark = join(folder, 'must-not-be-there')
  for (const tty of [false, true]) {
    const { error } = await client.ask('process/start', {
      processId: 'p',
      argv: ['/usr/bin/touch', mark],
      cwd: '/',
      env: {},
      tty,
    })
    assert.equal(error, {
      code: -32603,
      message: 'process/start is refused: the audit log cannot be written: No space left on device (os error 28)',
    })
  }
  await client.request('fs/getMetadata', { path: '/' })
  assert.is(await server.stop(), 0)
  assert.not(existsSync(mark))
  // Said once, not for every line.
  assert.equal(
    server
      .stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event),
    ['auditFailed'],
  )
})

const mountPoint = join(folder, 'small')
mkdirSync(mountPoint)
const obstacle =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mountPoint]).status === 0
      ? undefined
      : 'no tmpfs can be mounted'
const withDisk =
  obstacle === undefined ? test.full : (title: string) => test.skip(`${title} [not shown here: ${obstacle}]`)

withDisk(
  'a full disk stops starts until there is room; the ends of processes meanwhile are recorded afterwards',
  async () => {
    const path = join(mountPoint, 'audit')
    const ballast = join(mountPoint, 'ballast')
    const server = await startServer(['--audit-log', path, '--log-level', 'warn'])
    const client = await Client.connect(server.url)
    for (const id of ['a', 'b']) await client.start(id, ['/bin/cat'], { pipeStdin: true })
    assert.throws(() => {
      for (;;) appendFileSync(ballast, 'x'.repeat(100))
    }, /ENOSPC|os error 28/)
    // The last page of the file may have room for some lines yet, and takes the last one in part.
    let started = 0
    let refusal: { code: number; message: string } | undefined
    while (refusal === undefined && started < 1000) {
      const { error } = await client.ask('process/start', {
        processId: `fill-${started}`,
        argv: ['/bin/true'],
        cwd: '/',
        env: {},
        tty: false,
      })
      if (error === undefined) started++
      refusal = error
    }
    assert.is(refusal?.code, -32603)
    assert.match(refusal?.message ?? '', 'the audit log cannot be written: No space left on device')
    await client.request('process/terminate', { processId: 'a' })
    await client.closed('a')

    unlinkSync(ballast)
    // By itself, without a start.
    await eventually(() => server.stderr().includes('auditRecovered'), 20_000, 'recovery')
    assert.is((await client.run('again', ['/bin/echo', 'x'])).output, 'x\n')
    await client.close()
    assert.is(await server.stop(), 0)
    const text = readFileSync(path, 'utf8').split('\n')
    assert.is(text.pop(), '')
    const whole: Line[] = []
    let torn = 0
    for (const line of text) {
      try {
        whole.push(JSON.parse(line) as Line)
      } catch {
        torn++
      }
    }
    assert.ok(torn <= 1, `${torn} lines torn`)
    checkRuns(whole)
    const ends = whole.filter(({ event }) => event === 'end').map(({ process }) => process)
    for (const id of ['a', 'b', 'again']) assert.is(ends.filter((each) => each === id).length, 1, id)
    assert.is(
      whole.filter(({ event, process }) => event === 'start' && String(process).startsWith('fill-')).length,
      started,
    )
    assert.ok(whole.some(({ event, lines }) => event === 'lost' && lines > 0))
    assert.equal(
      server
        .stderr()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).event),
      ['auditFailed', 'auditRecovered'],
    )
  },
)

const readOnly = {
  permissions: {
    type: 'managed',
    file_system: {
      type: 'restricted',
      entries: [{ path: { type: 'special', value: { kind: 'root' } }, access: 'read' }],
    },
    network: 'restricted',
  },
  cwd: 'file:///tmp',
}

test.full('a sandboxed command is recorded as such, and cannot reach the file', async () => {
  const path = newPath()
  const server = await startServer(['--audit-log', path])
  const client = await Client.connect(server.url)
  const { error } = await client.ask('process/start', {
    processId: 'p',
    argv: ['/bin/sh', '-c', 'ls -l /proc/self/fd; echo >> "$1"', 'sh', path],
    cwd: '/tmp',
    env: { PATH: '/usr/bin:/bin' },
    tty: false,
    sandbox: readOnly,
  })
  if (error === undefined) {
    await client.closed('p')
    assert.not.match(client.outputOf('p', 'stdout').toString(), path)
    assert.match(client.outputOf('p', 'stderr').toString(), /Read-only|denied|cannot create/i)
  }
  const pid = server.child.pid as number
  await client.close()
  await server.stop()
  assert.not(isAlive(pid))
  const lines = linesOf(path)
  checkRuns(lines)
  const start = lines.find(({ event }) => event === 'start')
  assert.ok(['linuxSeccomp', 'macosSeatbelt'].includes(start?.['sandbox']), 'the sandbox')
})

const onLinux = process.platform === 'linux' ? test : test.skip
onLinux('a start that is under way when the server ends has its end, too', async () => {
  const path = newPath()
  // What is asked for a sandbox takes its time, and so does the start.
  const slow = join(folder, 'slow-bwrap')
  writeFileSync(slow, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 })
  const [command, args] = serverCommand(['--listen', 'stdio', '--audit-log', path, '--bwrap', slow])
  const child = endWithTest(spawn(command, args, { stdio: ['pipe', 'ignore', 'ignore'] }))
  const params = {
    processId: 'p',
    argv: ['/bin/true'],
    cwd: '/',
    env: {},
    tty: false,
    sandbox: { ...readOnly, cwd: 'file:///usr' },
  }
  for (const message of [
    { id: 1, method: 'initialize', params: { clientName: 'c' } },
    { method: 'initialized' },
    { id: 2, method: 'process/start', params },
  ]) {
    child.stdin.write(`${JSON.stringify(message)}\n`)
  }
  await eventually(() => existsSync(path) && linesOf(path).some(({ event }) => event === 'start'), 20_000, 'a start')
  process.kill(child.pid as number, 'SIGTERM')
  await once(child, 'exit')
  const lines = linesOf(path)
  assert.equal(
    lines.map(({ event, killed, exitCode, connection }) => [
      event,
      killed ?? null,
      exitCode ?? null,
      connection?.peer ?? null,
    ]),
    [
      ['serverStarted', null, null, null],
      ['start', null, null, 'stdio'],
      ['end', true, null, null],
      ['serverStopped', null, null, null],
    ],
  )
})

test.after(() => {
  if (obstacle === undefined) spawnSync('umount', ['-l', mountPoint])
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true })
})

test.run()

import * as assert from 'uvu/assert'
import { ErrorCode } from '../../../src/protocol/wire/errors.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { MemoryClient, startParams } from '../../support/fakes/memory-transport.ts'
import type { Answer } from '../../support/fakes/memory-transport.ts'
import { test } from '../../support/suite.ts'

async function setup(limits: object = {}) {
  const fake = fakeServer(limits)
  return { ...fake, client: await MemoryClient.ready(fake.server) }
}

const codeOf = ({ error }: Answer): number | undefined => error?.code

// ---- process/start ----

test('a start is answered with its id, and what the child gets is what was asked for', async () => {
  const { client, host } = await setup()
  const { result } = await client.start('p', {
    argv: ['/bin/a', 'b', ''],
    cwd: 'file:///x%20y/',
    env: { A: '1' },
    arg0: '',
    pipeStdin: true,
  })
  assert.equal(result, { processId: 'p', sandboxType: 'none' })
  const { env, ...spec } = host.child.spec
  assert.equal(spec, { argv: ['/bin/a', 'b', ''], cwd: '/x y', stdin: 'pipe', arg0: '' })
  assert.equal([...env], [['A', '1']])
})

test('a command gets the variables that say what it is run for, over those of the request and the policy', async () => {
  const { client, host } = await setup()
  const threadId = '0198c1d2-0000-7abc-8def-0123456789ab'
  const envPolicy = {
    inherit: 'none',
    ignoreDefaultExcludes: true,
    exclude: ['CODEX*'],
    set: { CODEX_THREAD_ID: 'set' },
    includeOnly: ['X'],
  }
  await client.start('p', {
    env: { CODEX_TOOL_CALL_ID: 'given', X: '1' },
    envPolicy,
    metadata: { threadId, toolCallId: 'call_1' },
  })
  assert.equal(Object.fromEntries(host.child.spec.env), {
    X: '1',
    CODEX_THREAD_ID: threadId,
    CODEX_TOOL_CALL_ID: 'call_1',
  })
  await client.start('q', { env: { CODEX_TOOL_CALL_ID: 'given' }, metadata: {} })
  assert.equal(Object.fromEntries(host.child.spec.env), { CODEX_TOOL_CALL_ID: 'given' })
})

test('a snapshot is captured first; where that fails, the login shell runs as it was asked for', async () => {
  const { client, host } = await setup()
  const argv = ['/bin/bash', '-lc', 'command']
  const shellSnapshot = { scopeId: 's', shell: { name: 'bash', path: '/bin/bash' } }
  const id = client.begin('process/start', startParams('p', { argv, shellSnapshot }))
  await settled()
  const capture = host.child
  assert.equal(capture.spec.argv.slice(0, 2), ['/bin/bash', '-lc'])
  assert.is.not(capture.spec.argv[2], 'command')
  assert.is(client.answer(id), undefined)
  capture.exit(1)
  await settled()
  assert.equal(host.child.spec.argv, argv)
  assert.is(client.answer(id)?.error, undefined)
  assert.is(capture.forgotten, true)
})

test('a snapshot of a shell that has none, or without a scope, is refused', async () => {
  const { client } = await setup()
  const argv = ['/bin/fish', '-lc', 'command']
  const refused = [
    { scopeId: 's', shell: { name: 'fish', path: '/bin/fish' } },
    { scopeId: '', shell: { name: 'bash', path: '/bin/fish' } },
    { scopeId: 'x'.repeat(257), shell: { name: 'bash', path: '/bin/fish' } },
    { scopeId: 's', shell: null },
    5,
  ]
  for (const shellSnapshot of refused)
    assert.is(codeOf(await client.start('p', { argv, shellSnapshot })), ErrorCode.InvalidParams)
  // Of another shell than the one of the command: passed over, as the reference does.
  const other = { scopeId: 's', shell: { name: 'fish', path: '/usr/bin/fish' } }
  assert.is(codeOf(await client.start('p', { argv, shellSnapshot: other })), undefined)
})

test('stdin is closed, a pipe or a terminal', async () => {
  const { client, host } = await setup()
  for (const [id, more] of Object.entries({
    a: {},
    b: { pipeStdin: true },
    c: { tty: true },
    d: { tty: true, pipeStdin: true },
  }))
    await client.start(id, more)
  assert.equal(
    host.children.map(({ spec }) => spec.stdin),
    ['closed', 'pipe', 'terminal', 'terminal'],
  )
  assert.not(host.children.some(({ spec }) => 'arg0' in spec))
})

test('an environment policy works on the variables of the server', async () => {
  const { client, host } = await setup()
  host.variables = new Map([
    ['PATH', '/bin'],
    ['API_KEY', 'x'],
    ['OTHER', 'y'],
  ])
  const envPolicy = {
    inherit: 'all',
    ignoreDefaultExcludes: false,
    exclude: ['OTH*'],
    set: { S: '1' },
    includeOnly: [],
  }
  await client.start('with', { envPolicy, env: { E: '2' } })
  assert.equal([...host.child.spec.env].sort(), [
    ['E', '2'],
    ['PATH', '/bin'],
    ['S', '1'],
  ])
  await client.start('without', { env: { E: '2' }, envPolicy: null })
  assert.equal([...host.child.spec.env], [['E', '2']])
})

test('an empty argv is an error of params, a duplicate id is not, and the sandbox is looked at first', async () => {
  const { client, host } = await setup()
  assert.is(codeOf(await client.start('p', { argv: [] })), ErrorCode.InvalidParams)
  await client.start('p')
  const duplicate = await client.start('p')
  assert.equal(duplicate.error, { code: ErrorCode.InvalidRequest, message: 'process p already exists' })
  assert.is(codeOf(await client.start('p', { argv: [] })), ErrorCode.InvalidParams)
  assert.is(host.children.length, 1)
})

test('a managed network, a proxy and a sandbox that is not understood are refused, and nothing is started', async () => {
  const { client, host } = await setup()
  for (const more of [
    { sandbox: {} },
    { sandbox: 'x' },
    { enforceManagedNetwork: true },
    { networkProxy: {} },
    { networkProxy: false },
  ]) {
    assert.is(codeOf(await client.start('p', more)), ErrorCode.InvalidParams, JSON.stringify(more))
  }
  assert.is(host.children.length, 0)
  assert.is(codeOf(await client.start('p', { enforceManagedNetwork: false, networkProxy: null })), undefined)
})

test('a command is started under the sandbox that it names, and its environment says so', async () => {
  const { client, host } = await setup()
  const permissions = { type: 'managed', file_system: { type: 'restricted', entries: [] }, network: 'enabled' }
  const { result } = await client.start('p', { sandbox: { permissions } })
  assert.equal(result, { processId: 'p', sandboxType: 'linuxSeccomp' })
  assert.equal(host.child.spec.sandbox, { files: { unrestricted: false, entries: [] }, network: 'enabled' })
  assert.equal((await client.start('q', { sandbox: null })).result, { processId: 'q', sandboxType: 'none' })
  assert.is(host.child.spec.sandbox, undefined)
})

test("a command behind an old client's sandbox program is taken out, and confined by us", async () => {
  const { client, host } = await setup()
  const program = '/home/client/tmp/codex-linux-sandbox'
  const profile = '{"type":"managed","file_system":{"type":"restricted","entries":[]},"network":"restricted"}'
  const argv = [
    program,
    '--sandbox-policy-cwd',
    '/w',
    '--command-cwd',
    '/w',
    '--permission-profile',
    profile,
    '--',
    'ls',
    '-l',
  ]
  assert.is((await client.start('p', { argv, arg0: program })).result.sandboxType, 'linuxSeccomp')
  assert.equal(host.child.spec.argv, ['ls', '-l'])
  assert.is(host.child.spec.arg0, undefined)
  assert.equal(host.child.spec.sandbox, {
    files: { unrestricted: false, entries: [] },
    network: 'restricted',
    cwd: '/w',
  })
  assert.is(codeOf(await client.start('q', { argv: [program, '--new-flag', '--', 'ls'] })), ErrorCode.InvalidParams)
  assert.is(
    codeOf(await client.start('q', { argv, sandbox: { permissions: { type: 'disabled' } } })),
    ErrorCode.InvalidParams,
  )
  assert.is(host.children.length, 1)
})

test('a start comes behind the file changes that were asked for before it', async () => {
  const { client, host } = await setup()
  const { promise, resolve } = Promise.withResolvers<void>()
  host.serveFile = () => promise
  const write = client.begin('fs/writeFile', { path: '/script', dataBase64: '' })
  const start = client.begin('process/start', startParams('p'))
  const read = client.begin('process/read', { processId: 'p' })
  const signal = client.begin('process/signal', { processId: 'p', signal: 'interrupt' })
  await settled()
  assert.is(host.children.length, 0)
  assert.ok(client.answer(signal))
  resolve()
  await settled()
  assert.equal(
    client.answers.slice(-3).map(({ id }) => id),
    [write, start, read],
  )
  assert.is(client.answer(read)?.result.nextSeq, 1)
})

test('the answer to a start comes before the first event, however quick the child is', async () => {
  const { client, host, clock } = await setup()
  const spawn = host.spawn.bind(host)
  host.spawn = async (spec, events) => {
    const child = await spawn(spec, events)
    // As early as a host may.
    queueMicrotask(() => {
      child.output('stdout', 'quick')
      child.exit(0)
      child.end()
    })
    return child
  }
  for (let count = 0; count < 10; count++) {
    const id = client.begin('process/start', startParams(`p${count}`))
    await settled()
    clock.advance(0)
    await settled()
    const mine = client.received.filter((message) =>
      'id' in message ? message.id === id : message.params.processId === `p${count}`,
    )
    assert.equal(
      mine.map((message) => ('id' in message ? 'answer' : message.method.slice(8))),
      ['answer', 'output', 'exited', 'closed'],
    )
    assert.equal(
      client.events(`p${count}`).map(({ params }) => params.seq),
      [1, 2, 3],
    )
  }
})

test('a host that cannot start the process is quoted, and the id is free again', async () => {
  const { client, host } = await setup()
  host.spawnError = new Error('a fault of ours')
  const { error } = await client.start('p')
  assert.equal(error, { code: ErrorCode.Internal, message: 'internal error' })
  assert.equal(host.faults, [host.spawnError])
  host.spawnError = undefined
  assert.is(codeOf(await client.start('p')), undefined)
})

// ---- process/read ----

test('reads of an unknown process are errors, at once also when they would wait', async () => {
  const { client } = await setup()
  const { error } = await client.ask('process/read', { processId: 'x', waitMs: 1e9 })
  assert.equal(error, { code: ErrorCode.InvalidRequest, message: 'unknown process id x' })
})

test('a read is answered at once when there is something, and else when its time is up', async () => {
  const { client, host, clock } = await setup()
  await client.start('p')
  assert.equal((await client.ask('process/read', { processId: 'p' })).result.chunks, [])
  const waiting = client.begin('process/read', { processId: 'p', waitMs: 300 })
  await settled()
  clock.advance(299)
  await settled()
  assert.is(client.answer(waiting), undefined)
  clock.advance(1)
  await settled()
  assert.equal(client.answer(waiting)?.result, {
    chunks: [],
    nextSeq: 1,
    exited: false,
    exitCode: null,
    closed: false,
    failure: null,
    sandboxDenied: false,
  })
  host.child.output('stdout', 'x')
  const { result } = await client.ask('process/read', { processId: 'p', waitMs: 1e9, afterSeq: null, maxBytes: null })
  assert.equal(result.chunks, [{ seq: 1, stream: 'stdout', chunk: btoa('x') }])
  assert.is(clock.timers, 0)
})

test('output, exit and close each end a wait, and only when the reader has not seen them', async () => {
  const { client, host, clock } = await setup()
  await client.start('p')
  const wait = async (afterSeq: number, happens: () => void): Promise<any> => {
    const id = client.begin('process/read', { processId: 'p', afterSeq, waitMs: 1e9 })
    await settled()
    assert.is(client.answer(id), undefined, 'answered too early')
    happens()
    clock.turn()
    clock.turn()
    await settled()
    return client.answer(id)?.result
  }
  const first = await wait(0, () => host.child.output('stderr', 'e'))
  assert.equal([first.chunks.length, first.nextSeq], [1, 2])
  const second = await wait(1, () => host.child.exit(7))
  assert.equal(
    [second.chunks.length, second.nextSeq, second.exited, second.exitCode, second.closed],
    [0, 3, true, 7, false],
  )
  const third = await wait(2, () => host.child.end())
  assert.equal([third.nextSeq, third.exited, third.closed], [4, true, true])
  const { result } = await client.ask('process/read', { processId: 'p', afterSeq: 3, waitMs: 1e9 })
  assert.equal([result.chunks, result.nextSeq, result.closed], [[], 4, true])
})

test('a wait for output behind a sequence number sleeps through earlier output', async () => {
  const { client, host, clock } = await setup()
  await client.start('p')
  const id = client.begin('process/read', { processId: 'p', afterSeq: 1, waitMs: 1e9 })
  await settled()
  host.child.output('stdout', 'one')
  clock.turn()
  await settled()
  assert.is(client.answer(id), undefined)
  host.child.output('stdout', 'two')
  clock.turn()
  await settled()
  assert.equal(client.answer(id)?.result.chunks, [{ seq: 2, stream: 'stdout', chunk: btoa('two') }])
})

test('the longest wait that can be asked for does no harm', async () => {
  const { client, host, clock } = await setup()
  await client.start('p')
  client.say(
    '{"id":"long","method":"process/read","params":{"processId":"p","waitMs":18446744073709551615,"maxBytes":18446744073709551615}}',
  )
  await settled()
  clock.advance(1e12)
  await settled()
  assert.is(client.answer('long'), undefined)
  host.child.exit(0)
  clock.turn()
  clock.turn()
  await settled()
  assert.is(client.answer('long')?.result.exited, true)
})

test('a waiting read delays no other request, and a terminate ends it', async () => {
  const { client, host, clock } = await setup()
  await client.start('p')
  const read = client.begin('process/read', { processId: 'p', waitMs: 1e9 })
  assert.equal((await client.ask('process/terminate', { processId: 'p' })).result, { running: true })
  assert.is(client.answer(read), undefined)
  host.child.exit(137)
  host.child.end()
  clock.turn()
  await settled()
  assert.equal([client.answer(read)?.result.exitCode, client.answer(read)?.result.closed], [137, true])
})

test('a read whose process expires while its answer waits for room learns that it is unknown', async () => {
  const { client, host, clock } = await setup({ outboundTotal: 1000 })
  await client.start('p')
  host.child.output('stdout', 'x'.repeat(100))
  host.child.exit(0)
  host.child.end()
  await settled()
  client.transport.slow = true
  client.transport.send(JSON.stringify({ id: 'filler', result: 'x'.repeat(2000) }))
  const read = client.begin('process/read', { processId: 'p' })
  await settled()
  assert.is(client.answer(read), undefined)
  clock.advance(80_000)
  await client.drain()
  assert.is(codeOf(client.answer(read) as Answer), ErrorCode.InvalidRequest)
})

test('two readers of one process get the same', async () => {
  const { client, host, clock } = await setup()
  await client.start('p')
  const ids = [1, 2, 3].map(() => client.begin('process/read', { processId: 'p', waitMs: 1e9 }))
  await settled()
  host.child.output('stdout', 'x')
  clock.turn()
  await settled()
  for (const id of ids) assert.is(client.answer(id)?.result.chunks.length, 1)
})

// ---- process/write ----

test('an unknown process is a status of a write, as is a stdin that was not requested', async () => {
  const { client } = await setup()
  assert.equal((await client.ask('process/write', { processId: 'x', chunk: '' })).result, { status: 'unknownProcess' })
  await client.start('p')
  assert.equal((await client.ask('process/write', { processId: 'p', chunk: 'QQ==' })).result, { status: 'stdinClosed' })
})

test('writes that come in one burst with their start arrive in their order', async () => {
  const { client, host } = await setup()
  const release = host.holdSpawns()
  client.begin('process/start', startParams('p', { pipeStdin: true }))
  const text = 'abcdefghijklmnopqrstuvwxyz'
  const early = [...text.slice(0, 13)].map((letter) =>
    client.begin('process/write', { processId: 'p', chunk: btoa(letter) }),
  )
  await settled()
  release()
  await settled()
  const late = [...text.slice(13)].map((letter) =>
    client.begin('process/write', { processId: 'p', chunk: btoa(letter) }),
  )
  await settled()
  assert.is(host.child.input, text)
  for (const id of [...early, ...late]) assert.equal(client.answer(id)?.result, { status: 'accepted' })
})

test('a write to a start that fails finds no process', async () => {
  const { client, host } = await setup()
  const release = host.holdSpawns()
  client.begin('process/start', startParams('p', { pipeStdin: true }))
  const write = client.begin('process/write', { processId: 'p', chunk: '' })
  host.spawnError = new Error('no')
  release()
  await settled()
  assert.equal(client.answer(write)?.result, { status: 'unknownProcess' })
})

test('a child that does not read slows down its own writer only', async () => {
  const { client, host } = await setup({ stdinQueue: 10 })
  await client.start('p', { pipeStdin: true })
  const ids = Array.from({ length: 300 }, () => client.begin('process/write', { processId: 'p', chunk: btoa('12345') }))
  await settled()
  assert.is(ids.filter((id) => client.answer(id)).length, 2)
  assert.ok((await client.ask('environment/status')).result)
  assert.equal((await client.ask('process/terminate', { processId: 'p' })).result, { running: true })
  for (let round = 0; round < 200; round++) host.child.reads(10)
  await settled()
  assert.ok(ids.every((id) => client.answer(id)?.result.status === 'accepted'))
})

test('write ids are remembered across connections', async () => {
  const { client, host, server } = await setup()
  await client.start('p', { pipeStdin: true })
  await client.ask('process/write', { processId: 'p', chunk: btoa('once'), writeId: '1' })
  client.drop()
  const again = await MemoryClient.ready(server, client.sessionId)
  assert.equal((await again.ask('process/write', { processId: 'p', chunk: btoa('once'), writeId: '1' })).result, {
    status: 'accepted',
  })
  await again.ask('process/write', { processId: 'p', chunk: btoa(' more'), writeId: '2' })
  assert.is(host.child.input, 'once more')
})

test('input after terminate is an error', async () => {
  const { client } = await setup()
  await client.start('p', { pipeStdin: true })
  await client.ask('process/terminate', { processId: 'p' })
  const { error } = await client.ask('process/write', { processId: 'p', chunk: '' })
  assert.is(error?.code, ErrorCode.Internal)
  assert.match(error?.message ?? '', /^failed to write to process stdin/)
})

// ---- process/closeStdin, process/resize ----

test('an end of file comes behind the writes of the same burst, and tells what there was to end', async () => {
  const { client, host } = await setup()
  const close = async (processId: string): Promise<unknown> =>
    (await client.ask('process/closeStdin', { processId })).result
  assert.equal(await close('x'), { status: 'unknownProcess' })
  await client.start('no-stdin')
  assert.equal(await close('no-stdin'), { status: 'stdinClosed' })
  const release = host.holdSpawns()
  client.begin('process/start', startParams('p', { pipeStdin: true }))
  for (const text of ['a', 'b']) client.begin('process/write', { processId: 'p', chunk: btoa(text) })
  const end = client.begin('process/closeStdin', { processId: 'p' })
  const late = client.begin('process/write', { processId: 'p', chunk: btoa('late') })
  release()
  await settled()
  assert.equal(
    [client.answer(end)?.result, client.answer(late)?.result],
    [{ status: 'accepted' }, { status: 'stdinClosed' }],
  )
  assert.equal([host.child.input, host.child.stdinEnds], ['ab', 1])
  assert.equal(await close('p'), { status: 'stdinClosed' })
  host.child.exit(0)
  host.child.end()
  assert.equal(await close('p'), { status: 'stdinClosed' })
})

test('the stdin of a terminal has no end, and says what has', async () => {
  const { client } = await setup()
  await client.start('p', { tty: true, pipeStdin: true })
  const { error } = await client.ask('process/closeStdin', { processId: 'p' })
  assert.is(error?.code, ErrorCode.InvalidRequest)
  assert.match(error?.message ?? '', '0x04')
})

test('a terminal is of the size that is asked for, from the start and later', async () => {
  const { client, host } = await setup()
  const [small, large] = [
    { rows: 1, columns: 2 },
    { rows: 65_535, columns: 500 },
  ]
  await client.start('pipes', { terminalSize: small })
  assert.not('terminalSize' in host.child.spec)
  await client.start('p', { tty: true, terminalSize: small })
  assert.equal(host.child.spec.terminalSize, small)
  assert.equal((await client.ask('process/resize', { processId: 'p', ...large })).result, {})
  assert.equal(host.child.size, large)
  for (const processId of ['pipes', 'unknown'])
    assert.is(codeOf(await client.ask('process/resize', { processId, ...large })), ErrorCode.InvalidRequest)
  host.child.exit(0)
  host.child.end()
  assert.equal((await client.ask('process/resize', { processId: 'p', ...small })).result, {})
})

test('what comes before the start of its process is done waits for that', async () => {
  const { client, host } = await setup()
  const release = host.holdSpawns()
  client.begin('process/start', startParams('p', { tty: true }))
  const resize = client.begin('process/resize', { processId: 'p', rows: 3, columns: 4 })
  await settled()
  assert.is(client.answer(resize), undefined)
  release()
  await settled()
  assert.equal([client.answer(resize)?.result, host.child.size], [{}, { rows: 3, columns: 4 }])
})

// ---- process/signal, process/terminate ----

test('a signal to an unknown process, or to one that has exited, is answered like any other', async () => {
  const { client, host } = await setup()
  assert.equal((await client.ask('process/signal', { processId: 'x', signal: 'interrupt' })).result, {})
  await client.start('p')
  assert.equal((await client.ask('process/signal', { processId: 'p', signal: 'interrupt' })).result, {})
  host.child.exit(130)
  await client.ask('process/signal', { processId: 'p', signal: 'interrupt' })
  assert.equal(host.child.signals, ['interrupt'])
})

test('any of the signals goes to the child by its name', async () => {
  const { client, host } = await setup()
  await client.start('p')
  const names = ['interrupt', 'terminate', 'hangup', 'quit', 'user1', 'user2', 'stop', 'continue', 'kill']
  for (const signal of names) assert.equal((await client.ask('process/signal', { processId: 'p', signal })).result, {})
  assert.equal(host.child.signals, names)
  assert.is(codeOf(await client.ask('process/signal', { processId: 'p', signal: 'SIGTERM' })), ErrorCode.InvalidParams)
})

test('terminate tells whether there was something running', async () => {
  const { client, host, clock } = await setup()
  assert.equal((await client.ask('process/terminate', { processId: 'x' })).result, { running: false })
  await client.start('p')
  assert.equal((await client.ask('process/terminate', { processId: 'p' })).result, { running: true })
  host.child.exit(137)
  host.child.end()
  assert.equal((await client.ask('process/terminate', { processId: 'p' })).result, { running: false })
  clock.advance(80_000)
  assert.equal((await client.ask('process/terminate', { processId: 'p' })).result, { running: false })
  assert.is(host.child.kills, 1)
})

test('a start and a terminate in one breath kill the child', async () => {
  const { client, host } = await setup()
  const release = host.holdSpawns()
  const start = client.begin('process/start', startParams('p'))
  const terminate = client.begin('process/terminate', { processId: 'p' })
  release()
  await settled()
  assert.equal(client.answer(terminate)?.result, { running: true })
  assert.ok(client.answer(start))
  assert.is(host.child.kills, 1)
})

test.run()

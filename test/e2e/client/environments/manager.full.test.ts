import { once } from 'node:events'
import { connect as netConnect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { connect } from '../../../../src/client/connect.ts'
import { EnvironmentConfigError, EnvironmentUnavailableError } from '../../../../src/client/environments/errors.ts'
import { createEnvironmentManager } from '../../../../src/client/environments/manager.ts'
import type { Connect, Environment, EnvironmentManager } from '../../../../src/client/environments/manager.ts'
import type { EnvironmentSpec } from '../../../../src/client/environments/spec.ts'
import { ConnectError } from '../../../../src/client/base/errors.ts'
import type { ExecClient } from '../../../../src/client/base/types.ts'
import { eventually, isAlive, serverCommand, startServer } from '../../../support/server.ts'
import { test } from '../../../support/suite.ts'

const local: EnvironmentSpec = { id: 'local', local: true }
const byCommand = (id: string): EnvironmentSpec => {
  const [program, args] = serverCommand(['--listen', 'stdio'])
  return { id, command: [program, ...args] }
}

/** The real thing, with a look at what it is asked for and, as long as the gate is shut, time to look at who waits. */
function watched(): { connect: Connect; asked: string[]; gate: PromiseWithResolvers<void>; aborted: () => number } {
  const asked: string[] = []
  const gate = Promise.withResolvers<void>()
  let aborted = 0
  return {
    asked,
    gate,
    aborted: () => aborted,
    connect: async (target, options) => {
      asked.push(Object.keys(target)[0] ?? '')
      options.signal?.addEventListener('abort', () => aborted++)
      await gate.promise
      return connect(target, options)
    },
  }
}

const say = async (client: ExecClient, text: string): Promise<string> => {
  const { stdout } = await client.run({ argv: ['echo', text] })
  return new TextDecoder().decode(stdout)
}

/** The process that runs the server: the parent of what it starts. */
const serverOf = async (client: ExecClient): Promise<number> => {
  const { stdout } = await client.run({ argv: ['sh', '-c', 'echo $PPID'] })
  return Number(new TextDecoder().decode(stdout))
}

async function refusal(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it was expected to fail')
}

function get(manager: EnvironmentManager, id: string): Environment {
  const environment = manager.get(id)
  if (environment === undefined) throw new Error(`there is no ${id}`)
  return environment
}

/** A connection there and back. */
async function knock(url: string): Promise<void> {
  const socket = netConnect(Number(new URL(url).port), '127.0.0.1')
  await once(socket, 'connect')
  socket.end()
  await once(socket, 'close')
}

/** An address where nobody listens; somebody may later. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('nothing is connected before its first use', async () => {
  const { connect, asked, gate } = watched()
  gate.resolve()
  await using manager = createEnvironmentManager({ environments: [local, byCommand('box')], defaultId: 'box', connect })
  assert.equal(manager.ids, ['local', 'box'])
  assert.equal(
    manager.ids.map((id) => [get(manager, id).kind, get(manager, id).isDefault, get(manager, id).status]),
    [
      ['local', false, 'idle'],
      ['remote', true, 'idle'],
    ],
  )
  assert.is(manager.default(), manager.get('box'))
  assert.is(manager.get('nowhere'), undefined)
  assert.equal(asked, [])
  assert.is(await say(await get(manager, 'local').client(), 'here'), 'here\n')
  assert.equal(asked, ['local'])
  assert.is(get(manager, 'local').status, 'connected')
  assert.is(get(manager, 'box').status, 'idle')
})

test('those who come first, at the same time, share one attempt, and all share its client', async () => {
  const { connect, asked, gate } = watched()
  await using manager = createEnvironmentManager({ environments: [local], defaultId: 'local', connect })
  const environment = get(manager, 'local')
  const clients = Array.from({ length: 5 }, () => environment.client())
  assert.is(environment.status, 'connecting')
  gate.resolve()
  const [first, ...others] = await Promise.all([...clients, environment.prepare().then(() => environment.client())])
  assert.ok(others.every((client) => client === first))
  assert.is(await environment.client(), first)
  assert.equal(asked, ['local'])
})

test('a failure is shared by those who wait together, and who comes later finds a server that has appeared', async () => {
  const port = await freePort()
  const spec = { id: 'box', url: `ws://127.0.0.1:${port}` }
  await using manager = createEnvironmentManager({ environments: [local, spec], defaultId: 'box', connect })
  const environment = get(manager, 'box')
  const [one, other] = await Promise.all([refusal(environment.client()), refusal(environment.client())])
  assert.instance(one, EnvironmentUnavailableError)
  assert.is(one, other)
  assert.is(environment.lastError, one)
  assert.is(environment.status, 'failed')
  const server = await startServer(['--listen', spec.url])
  try {
    assert.is(await say(await environment.client(), 'now'), 'now\n')
    assert.is(environment.status, 'connected')
    assert.is(environment.lastError, undefined)
  } finally {
    await manager.close()
    await server.stop()
  }
})

test('a default that cannot start is an error with the true reason, and nothing runs here instead', async () => {
  const asked: string[] = []
  const counted: Connect = (target, options) => {
    asked.push(Object.keys(target)[0] ?? '')
    return connect(target, options)
  }
  const missing: EnvironmentSpec = { id: 'box', command: ['/nowhere/exec-server'] }
  await using manager = createEnvironmentManager({ environments: [local, missing], defaultId: 'box', connect: counted })
  const environment = manager.default() as Environment
  assert.is(environment.id, 'box')
  const error = await refusal(environment.client())
  assert.instance(error, EnvironmentUnavailableError)
  assert.instance(error, ConnectError)
  assert.instance(error.cause, ConnectError)
  assert.ok(
    error.message.startsWith('environment `box` is not available: cannot start /nowhere/exec-server: '),
    error.message,
  )
  assert.is((error as EnvironmentUnavailableError).environmentId, 'box')
  assert.is(manager.default(), environment)
  assert.equal(asked, ['command'])
  assert.is(get(manager, 'local').status, 'idle')
})

test('one who gives up does not end the attempt for the others', async () => {
  const { connect, gate, asked, aborted } = watched()
  await using manager = createEnvironmentManager({ environments: [local], connect })
  const environment = get(manager, 'local')
  const impatient = new AbortController()
  const first = refusal(environment.client(impatient))
  const second = environment.client()
  impatient.abort(new Error('enough'))
  assert.is((await first).message, 'enough')
  gate.resolve()
  assert.is(await say(await second, 'still'), 'still\n')
  assert.equal(asked, ['local'])
  assert.is(aborted(), 0)
})

test('who has given up already does not even begin', async () => {
  const { connect, asked } = watched()
  await using manager = createEnvironmentManager({ environments: [local], connect })
  await refusal(get(manager, 'local').client({ signal: AbortSignal.abort() }))
  assert.equal(asked, [])
})

test('when the last one gives up the attempt is ended, and the next user makes another one', async () => {
  const sockets: Socket[] = []
  let closed = 0
  // Takes connections in and never says a word.
  const silent = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {}).on('close', () => closed++)
    socket.resume()
  })
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  try {
    const url = `ws://127.0.0.1:${(silent.address() as AddressInfo).port}`
    await using manager = createEnvironmentManager({ environments: [{ id: 'box', url }], connect })
    const environment = get(manager, 'box')
    const users = [new AbortController(), new AbortController()]
    const failures = users.map((user) => refusal(environment.client(user)))
    await eventually(() => sockets.length === 1)
    users[0]?.abort()
    await failures[0]
    assert.is(environment.status, 'connecting')
    // The first connection would be closed before that of somebody who comes now.
    await knock(url)
    await eventually(() => closed === 1)
    assert.not.ok(sockets[0]?.destroyed)
    users[1]?.abort()
    await failures[1]
    assert.is(environment.status, 'idle')
    assert.is(environment.lastError, undefined)
    const again = refusal(environment.client())
    await eventually(() => closed === 2 && sockets.length === 3)
    assert.is(environment.lastError, undefined)
    await manager.close()
    assert.ok((await again).message.includes('the environments are closed'))
    await eventually(() => closed === 3)
  } finally {
    for (const socket of sockets) socket.destroy()
    silent.close()
  }
})

test('a client that comes after everybody has given up is closed', async () => {
  const { gate } = watched()
  let late: ExecClient | undefined
  const deaf: Connect = async (target, { signal: _, ...options }) => {
    await gate.promise
    return (late = await connect(target, options))
  }
  await using manager = createEnvironmentManager({ environments: [local], connect: deaf })
  const user = new AbortController()
  const given = refusal(get(manager, 'local').client(user))
  user.abort()
  await given
  gate.resolve()
  await manager.close()
  assert.is(late?.state, 'closed', 'the end waits for it')
})

test('a session that is over for good is replaced by a fresh one at the next use', async () => {
  const port = await freePort()
  const url = `ws://127.0.0.1:${port}`
  const manager = createEnvironmentManager({
    environments: [{ id: 'box', url }],
    connect,
    client: { recoveryTimeoutMs: 200 },
  })
  const servers = [await startServer(['--listen', url])]
  try {
    const environment = get(manager, 'box')
    const first = await environment.client()
    await servers[0]?.stop()
    assert.instance(await first.closed, Error)
    assert.is(environment.status, 'failed')
    assert.is(environment.lastError, await first.closed)
    await refusal(environment.client())
    servers.push(await startServer(['--listen', url]))
    const second = await environment.client()
    assert.is.not(second, first)
    assert.is.not(second.sessionId, first.sessionId)
    assert.is(await say(second, 'again'), 'again\n')
    assert.is(environment.lastError, undefined)
  } finally {
    await manager.close()
    for (const server of servers) await server.stop()
  }
})

test('a server that was started as a command, and died, is started again at the next use', async () => {
  await using manager = createEnvironmentManager({ environments: [byCommand('box')], connect })
  const environment = get(manager, 'box')
  const first = await environment.client()
  const pid = await serverOf(first)
  process.kill(pid, 'SIGKILL')
  assert.instance(await first.closed, Error)
  assert.is(environment.status, 'failed')
  const second = await environment.client()
  assert.is.not(await serverOf(second), pid)
  assert.is(environment.status, 'connected')
})

test('a client that a user closes is closed for all, and the next user gets another one', async () => {
  await using manager = createEnvironmentManager({ environments: [local], connect })
  const environment = get(manager, 'local')
  const first = await environment.client()
  await first.close()
  assert.is(environment.status, 'idle')
  assert.is(environment.lastError, undefined)
  assert.is(await say(await environment.client(), 'next'), 'next\n')
})

test('to prepare connects all at once, and a failure of one is not that of the others', async () => {
  const missing: EnvironmentSpec = { id: 'missing', command: ['/nowhere/exec-server'] }
  await using manager = createEnvironmentManager({ environments: [missing, local, byCommand('box')], connect })
  await manager.prepare()
  assert.equal(
    manager.ids.map((id) => get(manager, id).status),
    ['failed', 'connected', 'connected'],
  )
  assert.instance(get(manager, 'missing').lastError, EnvironmentUnavailableError)
  assert.instance(await refusal(manager.prepare({ signal: AbortSignal.abort() })), Error)
})

test('there is no default where none is meant, and a default that was removed is an error', async () => {
  await using manager = createEnvironmentManager({ environments: [local], connect })
  assert.is(manager.default(), undefined)
  await using other = createEnvironmentManager({ environments: [local, byCommand('box')], defaultId: 'box', connect })
  assert.is(await other.remove('box'), true)
  assert.is(await other.remove('box'), false)
  assert.throws(() => other.default(), /default environment `box` was removed/)
  const added = other.add(byCommand('box'))
  assert.is(other.default(), added)
  assert.ok(added.isDefault)
})

test('environments can be added, under the rules of the file for their ids', async () => {
  const server = await startServer()
  const manager = createEnvironmentManager({ environments: [local], connect })
  try {
    const environment = manager.add({ id: 'box', url: new URL(server.url) })
    assert.equal(manager.ids, ['local', 'box'])
    assert.is(await say(await environment.client(), 'added'), 'added\n')
    const { url } = server
    assert.throws(() => manager.add({ id: 'box', url }), /there is an environment `box` already/)
    for (const id of ['', ' ', ' a', 'local', 'None', 'a b', 'ä', 'a'.repeat(65)]) {
      assert.throws(
        () => manager.add({ id, url }),
        (error: unknown) => error instanceof EnvironmentConfigError,
        id,
      )
    }
    assert.throws(() => manager.add({ id: 'b', url: ' ' }), /environment `b`: `url` must be a ws/)
    assert.throws(() => manager.add({ id: 'b', url: 'none' }), /environment `b`: `url` must be a ws/)
    assert.throws(() => manager.add({ id: 'b', command: [' '] }), /environment `b`: the program must not be empty/)
    assert.throws(() => manager.add({ id: 'b', local: true }), /is called `local`, not `b`/)
    assert.equal(manager.ids, ['local', 'box'])
  } finally {
    await manager.close()
    await server.stop()
  }
})

test('one that is removed is closed, and gone for those who still hold it', async () => {
  await using manager = createEnvironmentManager({ environments: [byCommand('box')], connect })
  const environment = get(manager, 'box')
  const client = await environment.client()
  const pid = await serverOf(client)
  assert.is(await manager.remove('box'), true)
  assert.is(client.state, 'closed')
  assert.not.ok(isAlive(pid))
  assert.equal(manager.ids, [])
  assert.ok(
    (await refusal(environment.client())).message.includes('environment `box` is not available: it was removed'),
  )
  assert.is.not(manager.add(byCommand('box')), environment)
})

test('closing the manager closes every client and ends every wait', async () => {
  const { connect: gated, gate } = watched()
  const connects: Connect = (target, options) => ('local' in target ? gated : connect)(target, options)
  const manager = createEnvironmentManager({
    environments: [local, byCommand('box'), byCommand('other')],
    connect: connects,
  })
  const clients = await Promise.all([get(manager, 'box').client(), get(manager, 'other').client()])
  const pids = await Promise.all(clients.map(serverOf))
  const waiting = refusal(get(manager, 'local').client())
  const closing = manager[Symbol.asyncDispose]()
  gate.resolve()
  await closing
  assert.ok((await waiting).message.includes('environment `local` is not available: the environments are closed'))
  assert.equal(
    clients.map(({ state }) => state),
    ['closed', 'closed'],
  )
  assert.equal(pids.map(isAlive), [false, false])
  assert.instance(await refusal(get(manager, 'box').client()), EnvironmentUnavailableError)
  assert.throws(() => manager.add({ id: 'late', url: 'ws://h' }), /closed/)
  await manager.close()
})

test('settings that make no sense are refused at once', () => {
  const make = (environments: EnvironmentSpec[], defaultId?: string) => () =>
    createEnvironmentManager({ environments, defaultId, connect })
  assert.throws(make([local, local]), /there is an environment `local` already/)
  assert.throws(make([local], 'box'), /the default must be the id of an environment, and not `box`/)
  assert.throws(make([{ id: 'local', url: 'ws://h' }]), /must not be `local`/)
})

test('an error tells where the server was looked for, and no secret of the URL', async () => {
  const url = `ws://me:hunter2@127.0.0.1:${await freePort()}/c/TOKEN?key=SECRET#more`
  await using manager = createEnvironmentManager({ environments: [{ id: 'box', url }], connect })
  const error = await refusal(get(manager, 'box').client())
  const told = [error, error.cause].map((each) => `${(each as Error).message}\n${(each as Error).stack}`).join('\n')
  assert.ok(error.message.includes('ws://127.0.0.1:'), error.message)
  for (const secret of ['hunter2', 'TOKEN', 'SECRET', 'more']) assert.not.ok(told.includes(secret), told)
})

test('timeouts of an environment come before those for all', async () => {
  const seen: (number | undefined)[] = []
  const noting: Connect = async (_, { connectTimeoutMs, initializeTimeoutMs }) => {
    seen.push(connectTimeoutMs, initializeTimeoutMs)
    throw new ConnectError('not today', { isTransient: true })
  }
  const environments = [{ id: 'box', url: 'ws://h', connectTimeoutMs: 5 }]
  await using manager = createEnvironmentManager({
    environments,
    connect: noting,
    client: { connectTimeoutMs: 1, initializeTimeoutMs: 2 },
  })
  const error = await refusal(get(manager, 'box').client())
  assert.equal(seen, [5, 2])
  assert.ok((error as ConnectError).isTransient)
})

test.run()

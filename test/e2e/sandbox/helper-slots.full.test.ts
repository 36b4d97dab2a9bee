/**
 * The helpers of sandboxed file calls are shared: no client, and no helper that hangs, takes them from the others. The
 * server runs in this process, with smaller limits.
 */
import { mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { createExecServer } from '../../../src/core/rpc/server.ts'
import type { ExecServer } from '../../../src/core/rpc/server.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { createHost } from '../../../src/host/index.ts'
import { childOfChild } from '../../../src/host/process-tree/process-group.ts'
import { processNumbers, statFields } from '../../../src/host/process-tree/proc-stat.ts'
import { allowAll } from '../../../src/server/auth/authenticator.ts'
import { anyHost } from '../../../src/server/http/host-check.ts'
import { openListener } from '../../../src/server/http/listener.ts'
import { serveWebSockets } from '../../../src/server/transports/websocket.ts'
import { Client } from '../../support/client.ts'
import { at, managed, READ_ALL, uri, users } from '../../support/sandbox.ts'
import type { Sandbox } from '../../support/sandbox.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isAlive } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const test = suite('sandbox helpers')
const me = users()[0]
const obstacle = me?.obstacle ?? me?.unconfined
const shown: typeof test =
  obstacle === undefined ? test : Object.assign((title: string) => test.skip(`${title} [${obstacle}]`), test)

const MiB = 1024 * 1024
const limits = { ...defaultServeLimits, outboundTotal: MiB, helperSlowMs: 100, helperStallMs: 2000, helperIdleMs: 1000 }
/** More than the sockets between a client that does not read and its server hold. */
const LARGE_BYTES = 4 * MiB

let folder: string
let sandbox: Sandbox
const file = (name: string): string => join(folder, name)

test.before(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'helper-slots-')))
  writeFileSync(file('large'), '')
  truncateSync(file('large'), LARGE_BYTES)
  writeFileSync(file('small'), 'small')
  writeFileSync(file('secret'), 'secret')
  // What may not be read keeps the reads from being made without a helper.
  sandbox = managed([folder], [READ_ALL, at(file('secret'), 'deny')])
})
test.after(() => rmSync(folder, { recursive: true }))

async function serve(): Promise<{ server: ExecServer; connect: () => Promise<Client> }> {
  const server = createExecServer({
    host: createHost({ sandbox: { required: false }, limits, report: (fault) => assert.unreachable(String(fault)) }),
    clock: systemClock,
    limits,
  })
  const listener = await openListener('127.0.0.1', 0)
  atEnd(() => {
    listener.close()
    server.shutdown()
  })
  serveWebSockets(server, listener, { limits, authenticator: allowAll, checkHost: anyHost, metrics: () => '' })
  return { server, connect: () => Client.connect(listener.url) }
}

const read = (client: Client, name: string) => client.ask('fs/readFile', { path: uri(file(name)), sandbox })
const readSmall = async (client: Client): Promise<void> =>
  assert.is(atob((await read(client, 'small')).result?.dataBase64), 'small')

/** The helpers that the server has started: process ids of the sandbox and of the helper in it. */
const helpers = (): { outer: number; helper: number }[] =>
  processNumbers().flatMap((outer) => {
    const helper = Number(statFields(outer)?.[1]) === process.pid ? childOfChild(outer) : undefined
    return helper === undefined ? [] : [{ outer, helper }]
  })

shown('a client that does not take its large answers leaves the others their sandboxed calls', async () => {
  const { server, connect } = await serve()
  const [idle, other] = [await connect(), await connect()]
  await readSmall(other)
  idle.socket.pause()
  for (let count = 0; count < 6; count++) void read(idle, 'large')
  await eventually(() => server.snapshot().outboundBytes > 0)
  for (let count = 0; count < 20; count++) await readSmall(other)
  assert.ok(server.snapshot().requests >= 4)
  // And its own are answered as soon as it takes them.
  idle.socket.resume()
  await idle.until(() => idle.messages.length >= 7, 120_000)
  await Promise.all([idle.close(), other.close()])
})

shown('a helper that makes no progress is killed, and another starts in its place before that', async () => {
  const { server, connect } = await serve()
  const [stuck, other] = [await connect(), await connect()]
  await readSmall(stuck)
  const [first] = helpers()
  assert.ok(first !== undefined)
  process.kill(first.helper, 'SIGSTOP')
  const pending = read(stuck, 'small')
  for (let count = 0; count < 20; count++) await readSmall(other)
  const { error } = await pending
  assert.is(error?.code, -32603)
  assert.match(error?.message ?? '', 'no progress for 2 s')
  await eventually(() => !isAlive(first.outer) && !isAlive(first.helper))
  assert.is(server.snapshot().sandboxHelpers.givenUp, 1)
  await readSmall(stuck)
  await Promise.all([stuck.close(), other.close()])
})

shown('calls of a client that has gone are not made', async () => {
  const { server, connect } = await serve()
  const [leaver, other] = [await connect(), await connect()]
  for (let count = 0; count < 200; count++) void read(leaver, 'small')
  await leaver.drop()
  await readSmall(other)
  await eventually(() => server.snapshot().sandboxHelpers.busy === 0)
  await other.close()
})

test.run()

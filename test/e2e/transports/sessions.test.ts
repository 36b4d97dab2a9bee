/** Handshake, resume and the end of sessions, over a real socket. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import { eventually, isAlive, startServer } from '../../support/server.ts'
import type { RunningServer } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

const test = suite('sessions')
let server: RunningServer

test.before(async () => {
  server = await startServer()
})
test.after(() => server.stop().then(() => {}))

const sh = (script: string): string[] => ['/bin/sh', '-c', script]

test('initialize tells the session and the environment', async () => {
  const client = await Client.open(server.url)
  const { sessionId, environmentInfo } = await client.request('initialize', {
    clientName: 'codex-environment',
    resumeSessionId: null,
  })
  assert.match(sessionId, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.ok(existsSync(environmentInfo.shell.path))
  assert.is(environmentInfo.cwd, `file://${process.cwd()}`)
  assert.is(environmentInfo.platformOs, process.platform === 'darwin' ? 'macos' : 'linux')
  assert.equal(environmentInfo.capabilities, {
    fileWriteStreaming: true,
    httpHeaderEnvVars: true,
    fsWatchMissing: true,
    shellSnapshotV2: true,
    ...(process.platform === 'linux'
      ? {
          environmentConfigRead: true,
          sandboxedFileStreaming: true,
          capabilityDiscoverySandbox: true,
          capabilityDiscoveryV2: true,
          linuxRootWritePreservesDevices: true,
          linuxApprovedRootWritePreservesRestrictions: true,
        }
      : {}),
  })
  assert.is(environmentInfo.executorVersion, '0.164.0')
  client.notify('initialized', {})
  assert.equal(await client.request('environment/info', null), environmentInfo)
  assert.equal(await client.request('environment/status', {}), { status: 'ready' })
  await client.close()
})

test('the handshake may be sent in one breath', async () => {
  const client = await Client.open(server.url)
  const initialize = client.request('initialize', { clientName: 'x' })
  client.notify('initialized', {})
  const status = client.request('environment/status', null)
  assert.ok((await initialize).sessionId)
  assert.equal(await status, { status: 'ready' })
  await client.close()
})

test('a cut connection leaves the processes running, and resume reads what it missed, byte for byte', async () => {
  const first = await Client.connect(server.url)
  const folder = temporaryFolder()
  const gate = (name: string): string => join(folder, name)
  const wait = (name: string): string => `while [ ! -e ${gate(name)} ]; do sleep 0.02; done`
  await first.start(
    'p',
    sh(
      `echo 1; echo 2; echo 3; ${wait('cut')}; echo 4; echo 5; echo 6; : > ${gate('written')}; ${wait('resumed')}
       echo 7; echo 8; echo 9; echo 10; exit 4`,
    ),
  )
  await first.until(() => first.outputOf('p').toString().includes('3\n'))
  await first.drop()
  writeFileSync(gate('cut'), '')
  await eventually(() => existsSync(gate('written')))
  const before = first.outputOf('p').toString()
  const last = first.eventsOf('p').at(-1)?.params.seq as number
  const second = await Client.connect(server.url, first.sessionId)
  assert.is(second.sessionId, first.sessionId)
  const missed = await second.request('process/read', { processId: 'p', afterSeq: last, maxBytes: null, waitMs: 0 })
  assert.is(missed.chunks[0].seq, last + 1)
  writeFileSync(gate('resumed'), '')
  assert.is(await second.closed('p'), 4)
  const between = Buffer.concat(
    missed.chunks.map(({ chunk }: { chunk: string }) => Buffer.from(chunk, 'base64')),
  ).toString()
  const after = second.eventsOf('p').filter(({ params }) => params.seq >= missed.nextSeq && 'chunk' in params)
  const rest = Buffer.concat(after.map(({ params }) => Buffer.from(params['chunk'] as string, 'base64'))).toString()
  assert.is(before + between + rest, '1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n')
  await second.close()
})

test('output is drained while no client is connected', async () => {
  const first = await Client.connect(server.url)
  const written = join(temporaryFolder(), 'written')
  await first.start('flood', sh(`head -c 5000000 /dev/zero; echo end; : > ${written}`))
  await first.drop()
  await eventually(() => existsSync(written), 20_000, 'the end of the output')
  const second = await Client.connect(server.url, first.sessionId)
  const read = (): Promise<{ chunks: { chunk: string }[]; closed: boolean }> =>
    second.request('process/read', { processId: 'flood' })
  await eventually(async () => (await read()).closed)
  const { chunks } = await read()
  assert.match(Buffer.from(chunks.at(-1)?.chunk ?? '', 'base64').toString(), /end\n$/)
  await second.close()
})

test('a session that is held is not given away, and the holder notices nothing', async () => {
  const holder = await Client.connect(server.url)
  const thief = await Client.open(server.url)
  const { error } = await thief.ask('initialize', { clientName: 'x', resumeSessionId: holder.sessionId })
  assert.is(error?.code, -32010)
  assert.equal(await holder.request('environment/status', null), { status: 'ready' })
  // The same connection may still begin afresh.
  assert.ok((await thief.request('initialize', { clientName: 'x' })).sessionId)
  await holder.close()
  await thief.close()
})

test('a waiting read does not hold up the detaching', async () => {
  const first = await Client.connect(server.url)
  await first.start('p', sh('sleep 30'))
  void first.ask('process/read', { processId: 'p', waitMs: 60_000 })
  await first.request('environment/status', null)
  await first.drop()
  const second = await Client.open(server.url)
  // The read would wait for much longer than this does.
  await eventually(
    async () =>
      (await second.ask('initialize', { clientName: 'x', resumeSessionId: first.sessionId })).error === undefined,
  )
  second.notify('initialized', {})
  await second.request('process/terminate', { processId: 'p' })
  await second.close()
})

/** The least that the flag takes. */
const TTL_MS = 1000
/** Timers and clocks may be off by this much. */
const ROUNDING_MS = 10

test('a session ends with its processes and their groups when its time is up', async () => {
  const brief = await startServer(['--session-ttl-seconds', String(TTL_MS / 1000)])
  const first = await Client.connect(brief.url)
  await first.start('stubborn', sh('trap "" TERM HUP; sleep 60 & echo $! $$; wait'))
  await first.start('terminal', sh('trap "" TERM HUP; sleep 60 & echo $! $$; wait'), { tty: true })
  const pids = await first.until(() => {
    const found = `${first.outputOf('stubborn')} ${first.outputOf('terminal')}`.trim().split(/\s+/).map(Number)
    return found.length === 4 && found
  })
  const dropped = performance.now()
  await first.drop()
  await eventually(() => pids.some((pid) => !isAlive(pid)), 10_000, 'the first death')
  assert.ok(performance.now() - dropped >= TTL_MS - ROUNDING_MS)
  await eventually(() => pids.every((pid) => !isAlive(pid)), 10_000, 'the death of four processes')
  const second = await Client.open(brief.url)
  const { error } = await second.ask('initialize', { clientName: 'x', resumeSessionId: first.sessionId })
  assert.is(error?.code, -32600)
  await second.close()
})

test("process ids are a session's own", async () => {
  const [one, two] = [await Client.connect(server.url), await Client.connect(server.url)]
  await one.start('same', sh('echo one'))
  await two.start('same', sh('echo two'))
  await one.closed('same')
  await two.closed('same')
  assert.is(one.outputOf('same').toString(), 'one\n')
  assert.is(two.outputOf('same').toString(), 'two\n')
  assert.is((await one.ask('process/read', { processId: 'other' })).error?.code, -32600)
  await one.close()
  await two.close()
})

test.run()

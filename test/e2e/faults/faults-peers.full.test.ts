/** Peers that are there no more and do not say so, and peers that do not read: each harms only itself. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { Client } from '../../support/client.ts'
import type { Notification } from '../../support/client.ts'
import { startClient } from '../../support/faults/fault-client.ts'
import { listenerCommand } from '../../support/faults/fault-listener.ts'
import { anonymousBytes, holdingsOf, settled } from '../../support/faults/fault-proc.ts'
import {
  assertSilent,
  follow,
  isLinux,
  isRoot,
  needsLinux,
  shownInFull,
  shownUnless,
} from '../../support/faults/fault-server.ts'
import { startFaultServer, works } from '../../support/faults/fault-server.ts'
import type { FaultServer } from '../../support/faults/fault-server.ts'
import { atEnd } from '../../support/scope.ts'
import { eventually, isAlive, isDeno, sleep } from '../../support/server.ts'
import { suite } from '../../support/suite.ts'

const test = suite('faults: peers')
const shown = shownUnless(needsLinux, test)
const MiB = 1024 * 1024

/** A live client may take two of them to answer: longer than a busy machine leaves a process waiting. */
const PING_MS = 1500
/** More than a peer that is gone is given. */
const MANY_PINGS = 4
let listener: FaultServer

test.before(async () => {
  if (!isLinux) return
  listener = await follow(listenerCommand({ pingIntervalMs: PING_MS }))
  // What is started with the first command, and stays, is there before anything is counted.
  const client = await Client.connect(listener.url)
  await client.run('warm', ['/bin/true'])
  await client.drop()
})
test.after(async () => {
  await listener?.stop()
})

const sh = (script: string): string[] => ['/bin/sh', '-c', script]

/** A session is held for its peer until `cut`, and free when the peer is found to be gone, with its processes. */
async function mustBecomeFree(sessionId: string, cut: () => unknown): Promise<Client> {
  const heir = await Client.open(listener.url)
  const resume = async (): Promise<number | undefined> =>
    (await heir.ask('initialize', { clientName: 'heir', resumeSessionId: sessionId })).error?.code
  assert.is(await resume(), -32010, 'the session is held')
  await cut()
  await eventually(async () => (await resume()) === undefined, 30_000, 'the end of a peer that is gone')
  heir.notify('initialized', {})
  return heir
}

/** A way between a client and the listener that can be cut without either end being told. */
async function openRelay(): Promise<{ port: number; cut(): void; close(): void }> {
  const sockets: Socket[] = []
  const relay = createServer((near) => {
    const far = connect(listener.port, '127.0.0.1')
    near.pipe(far).pipe(near)
    // A row that fails leaves them behind, and is not to be kept from its end.
    for (const socket of [near, far]) socket.on('error', () => {}).unref()
    sockets.push(near, far)
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  relay.unref()
  return {
    port: (relay.address() as AddressInfo).port,
    cut: () => sockets.forEach((socket) => socket.unpipe().pause()),
    close: () => {
      for (const socket of sockets) socket.destroy()
      relay.close()
    },
  }
}

for (const [title, script] of [
  ['is silent', 'sleep 60'],
  ['is flooded', 'yes'],
] as const) {
  shown(
    `a peer whose network is cut while it ${title} is found to be gone, and its session is free with its processes`,
    async () => {
      const before = holdingsOf(listener.pid)
      const relay = await openRelay()
      const client = await Client.connect(`ws://127.0.0.1:${relay.port}`)
      const heir = await mustBecomeFree(client.sessionId, async () => {
        await client.start('p', sh(script))
        relay.cut()
      })
      assert.equal(await heir.request('process/terminate', { processId: 'p' }), { running: true })
      await heir.drop()
      relay.close()
      await client.drop()
      await settled(listener.pid, before)
    },
  )
}

shown('a peer that is frozen is found to be gone, and may come back to its session when it thaws', async () => {
  // Its kernel still takes what is sent, and nobody reads it.
  const client = await startClient(listener.url, 'echo here; exec sleep 60')
  // It answers pings as long as it runs.
  await eventually(() => client.pings() > MANY_PINGS, 30_000, 'pings')
  assert.not(client.said().includes('closed'))
  const heir = await mustBecomeFree(client.sessionId, () => void process.kill(client.pid, 'SIGSTOP'))
  process.kill(client.pid, 'SIGCONT')
  await eventually(() => client.said().includes('closed'), 30_000, 'what it is told')
  assert.equal(await heir.request('process/terminate', { processId: 'p' }), { running: true })
  await heir.drop()
  client.kill()
})

/** Server and client in a network of their own, whose only link can be taken down. */
const ALONE = ['unshare', '-n']
const needsNetwork = !isRoot
  ? 'only root can make a network of its own'
  : works([...ALONE, 'sh', '-c', 'ip link set lo up && ip link set lo down']) && works(['nsenter', '--version'])
    ? undefined
    : 'no network of its own can be made'

const shownAlone = shownUnless(needsLinux ?? needsNetwork, test)
shownAlone(
  'a peer that is lost with its link is found to be gone: nothing comes from it, no end and no error',
  async () => {
    const command = listenerCommand({ pingIntervalMs: PING_MS, sessionTtlMs: 1000 })
    const server = await follow([...ALONE, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command])
    const within = ['nsenter', `--net=/proc/${server.pid}/ns/net`]
    const client = await startClient(server.url, 'echo $$; exec sleep 60', within)
    const pid = Number(client.output)
    const sockets = (): number => holdingsOf(server.pid).descriptors.filter((name) => name.startsWith('socket:')).length
    await eventually(() => client.pings() > MANY_PINGS, 30_000, 'pings')
    assert.ok(isAlive(pid))
    const before = sockets()
    assert.is(spawnSync(within[0] as string, [...within.slice(1), 'ip', 'link', 'set', 'lo', 'down']).status, 0)
    await eventually(() => sockets() < before, 30_000, 'the end of the connection')
    await eventually(() => !isAlive(pid), 30_000, 'the end of its session')
    client.kill()
    await server.stop()
  },
)

// ---- those that do not read -------------------------------------------------------------------------------------

async function medianOf(client: Client, count: number): Promise<number> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const before = performance.now()
    await client.request('environment/status', null)
    times.push(performance.now() - before)
  }
  return times.sort((one, other) => one - other)[count >> 1] as number
}

const YES = Buffer.alloc(65_536, 'y\n')

/** Looks at all that processes say, and keeps none of it: each event is the next of its process, and says `y` by the line. */
function followYes(client: Client): { bytes(): number; lastOf: Map<string, string> } {
  const next = new Map<string, number>()
  const lastOf = new Map<string, string>()
  const { socket } = client
  const [keep] = socket.listeners('message') as ((data: Buffer) => void)[]
  let bytes = 0
  socket.removeAllListeners('message')
  socket.on('message', (data: Buffer) => {
    const { method, params } = JSON.parse(data.toString()) as Notification
    if (method === undefined) return keep?.(data)
    const { processId, seq } = params
    assert.is(seq, next.get(processId) ?? 1, `the next of ${processId}`)
    next.set(processId, seq + 1)
    lastOf.set(processId, method)
    if (method !== 'process/output') return
    const chunk = Buffer.from(params['chunk'] as string, 'base64')
    // A chunk may end within a line; the next one begins there.
    const from = bytesOf(processId) % 2
    assert.ok(chunk.equals(YES.subarray(from, from + chunk.length)), `${processId} ${seq}`)
    said.set(processId, bytesOf(processId) + chunk.length)
    bytes += chunk.length
  })
  const said = new Map<string, number>()
  const bytesOf = (processId: string): number => said.get(processId) ?? 0
  return { bytes: () => bytes, lastOf }
}

const mebibytes = (bytes: number): string => (bytes / MiB).toFixed(1)

/** Twenty processes flood a reader, which stops once it has heard so much. `whileStopped` looks at the others. */
async function stopReading(
  floodBytes: number,
  more: {
    atRest?(other: Client): Promise<void>
    whileStopped(other: Client, look: () => void): Promise<void>
  },
): Promise<void> {
  const server = await startFaultServer()
  const other = await Client.connect(server.url)
  await other.run('warm', ['/bin/true'])
  await more.atRest?.(other)
  const atRest = anonymousBytes(server.pid)

  const lazy = await Client.connect(server.url)
  const heard = followYes(lazy)
  const ids = Array.from({ length: 20 }, (_, index) => `yes${index}`)
  await Promise.all(ids.map((id) => lazy.start(id, ['yes'], { env: { PATH: '/bin:/usr/bin' } })))
  await eventually(() => heard.bytes() > floodBytes, 50_000, 'the flood')
  lazy.socket.pause()
  const atStop = anonymousBytes(server.pid)
  let highest = 0
  await more.whileStopped(other, () => (highest = Math.max(highest, anonymousBytes(server.pid))))
  assert.ok(highest - atStop < 64 * MiB, `${mebibytes(highest - atStop)} MiB more than when it stopped`)
  // Soon after the flood what it has freed is given back.
  await eventually(() => anonymousBytes(server.pid) - atRest < 64 * MiB, 30_000, 'less than 64 MiB more than at rest')

  const before = heard.bytes()
  lazy.socket.resume()
  await eventually(() => heard.bytes() > before + floodBytes / 5, 50_000, 'the flood again')
  await Promise.all(ids.map((id) => lazy.request('process/terminate', { processId: id })))
  await eventually(() => ids.every((id) => heard.lastOf.get(id) === 'process/closed'), 50_000, 'the end of all')
  await lazy.drop()
  await other.close()
  assert.is(await server.stop(), 0)
  assertSilent(server)
}

shown(
  'a reader that stops while twenty processes flood it harms only itself, and gets every byte when it goes on',
  () =>
    stopReading(10 * MiB, {
      whileStopped: async (other, look) => {
        for (let count = 0; count < 100; count++) {
          await other.request('environment/status', null)
          look()
        }
      },
    }),
)

shownInFull(needsLinux, test)(
  'a reader that stops while twenty processes flood it at length does not slow another down',
  async () => {
    let [idle, stopped] = [0, 0]
    await stopReading(100 * MiB, {
      atRest: async (other) => {
        await medianOf(other, 300)
        idle = await medianOf(other, 200)
      },
      whileStopped: async (other, look) => {
        for (let count = 0; count < 10; count++) {
          await sleep(100)
          look()
        }
        stopped = await medianOf(other, 200)
        look()
      },
    })
    console.log(`\n  round trip of another: ${stopped.toFixed(3)} ms, at rest ${idle.toFixed(3)} ms`)
    // The bound is twice; what is more is for machines that do other things besides.
    assert.ok(stopped < 4 * idle + 2, `${stopped} ms, and ${idle} ms at rest`)
  },
)

/** What a reader that is slow is given: a busy machine may not let it read at all for some hundred milliseconds. */
const SLOW_PING_MS = 1000

const seesProgress = shownInFull(
  needsLinux ?? (isDeno ? 'Deno does not tell how much of a write has been taken' : undefined),
  test,
)

// In the full tier: it must go on for longer than a peer that is gone is given.
seesProgress('a reader that is slow but goes on is not taken for one that is gone', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'exec-server-slow-'))
  atEnd(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'large'), Buffer.alloc(MiB, 'z'))
  const patient = await follow(listenerCommand({ pingIntervalMs: SLOW_PING_MS }))
  const client = await Client.connect(patient.url)
  const answers = Array.from({ length: 96 }, () => client.ask('fs/readFile', { path: join(folder, 'large') }))
  let closed = false
  const done = Promise.all(answers).then(() => (closed = true))
  // A little at a time, and for longer in all than it takes to miss two pings, which stand behind all of it.
  const since = performance.now()
  while (!closed && client.closeCode === undefined) {
    client.socket.pause()
    await sleep(50)
    client.socket.resume()
    await sleep(5)
  }
  const ms = performance.now() - since
  assert.is(client.closeCode, undefined, `it was cut off after ${ms} ms`)
  assert.ok(ms > 3 * SLOW_PING_MS, 'it was quicker than a peer that is gone is found')
  await done
  for (const answer of answers) assert.is((await answer).result.dataBase64.length, Math.ceil(MiB / 3) * 4)
  await client.close()
  await patient.stop()
})

test.run()

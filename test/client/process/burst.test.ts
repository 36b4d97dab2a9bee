/** A server that sends a response and many events at once, so that no other task runs in between. */
import * as assert from 'uvu/assert'
import { defaultClientLimits } from '../../../src/client/base/limits.ts'
import type { ClientLimits } from '../../../src/client/base/limits.ts'
import { createProcesses } from '../../../src/client/process/processes.ts'
import { Session } from '../../../src/client/session/session.ts'
import type { Connector, TransportEvents } from '../../../src/client/transports/transport.ts'
import { test } from '../../support/suite.ts'
import { manualTimers } from '../../e2e/client/support/manual-timers.ts'

const CHUNK = new Uint8Array(8192).toBase64()

/** Of a process it says `chunks` chunks right behind the answer to its start, and that it has closed. Other calls it answers with nothing kept. */
function burst(chunks: number): Connector {
  const answer = (
    events: TransportEvents,
    { id, method, params }: { id: number; method: string; params: { processId: string } },
  ): void => {
    const result =
      method === 'initialize'
        ? {
            sessionId: 's',
            environmentInfo: { shell: { name: 'sh', path: '/bin/sh' }, cwd: 'file:///', capabilities: {} },
          }
        : method === 'process/read'
          ? { chunks: [], nextSeq: chunks + 3, exited: true, exitCode: 0, closed: true }
          : {}
    events.message(JSON.stringify({ id, result }))
    if (method !== 'process/start') return
    const { processId } = params
    const notify = (method: string, rest: object): void =>
      events.message(JSON.stringify({ method: `process/${method}`, params: { processId, ...rest } }))
    for (let seq = 1; seq <= chunks; seq++) notify('output', { seq, stream: 'stdout', chunk: CHUNK })
    notify('exited', { seq: chunks + 1, exitCode: 0 })
    notify('closed', { seq: chunks + 2 })
  }
  return {
    name: 'a server',
    recovers: false,
    canVanish: false,
    open: async (events) => ({
      send: (text) => {
        const message = JSON.parse(text)
        if ('id' in message) queueMicrotask(() => answer(events, message))
      },
      close: async () => {},
    }),
  }
}

async function start(chunks: number, more: Partial<ClientLimits> = {}) {
  const limits = { ...defaultClientLimits, ...more }
  const session = await Session.open({ connector: burst(chunks), limits, clientName: 'test' })
  return { session, process: await createProcesses(session, limits).start({ argv: ['x'] }) }
}

test('output that comes in one go with the answer to the start is there for who reads at once', async () => {
  const { session, process } = await start(1000)
  assert.is((await process.output()).stdout.length, 1000 * 8192)
  await session.close()
})

test('and for who reads a moment later, yet not for ever', async () => {
  const time = manualTimers()
  const soon = await start(1000)
  time.advance(defaultClientLimits.firstReaderMs - 1)
  assert.is((await soon.process.output()).stdout.length, 1000 * 8192)
  await soon.session.close()
  const late = await start(1000, { firstReaderMs: 20 })
  time.advance(20)
  const types: string[] = []
  for await (const { type } of late.process) if (types.at(-1) !== type) types.push(type)
  assert.equal(types, ['lag', 'output', 'exited', 'closed'])
  await late.session.close()
})

test('who only waits for the end keeps nothing', async () => {
  const { session, process } = await start(1000)
  await process.wait()
  const [first] = [await process.events().next()]
  assert.is(first?.value.type, 'lag')
  await session.close()
})

test.run()

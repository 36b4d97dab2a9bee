import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import * as assert from 'uvu/assert'
import { defaultClientLimits } from '../../../src/client/base/limits.ts'
import { openClient } from '../../../src/client/client.ts'
import { Session } from '../../../src/client/session/session.ts'
import { ParamsWithBytes } from '../../../src/client/transports/client-message.ts'
import { inProcessConnector } from '../../../src/client/transports/in-process.ts'
import type { Connector } from '../../../src/client/transports/transport.ts'
import type { Limits } from '../../../src/core/base/limits.ts'
import type { ExecServer } from '../../../src/core/rpc/server.ts'
import { RpcError } from '../../../src/protocol/wire/errors.ts'
import { Method } from '../../../src/protocol/wire/methods.ts'
import { fakeServer } from '../../support/fakes/fake-host.ts'
import { settled } from '../../support/fakes/manual-clock.ts'
import { startParams } from '../../support/fakes/memory-transport.ts'
import { textConnector } from '../../support/fakes/text-connector.ts'
import { test } from '../../support/suite.ts'

const inProcess = (server: ExecServer): Connector => inProcessConnector(server, () => {})

/** Values as JSON text would bring them: bytes as base64. The time of day differs from run to run. */
const asText = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (name, inner: unknown) => {
      if (/AtMs$|^atMs$/.test(name) && inner !== null) return 'a time'
      return inner instanceof Uint8Array ? Buffer.from(inner).toString('base64') : inner
    }) ?? 'null',
  )

type Act = { method: string; params: object | null | ParamsWithBytes } | 'output' | 'exit' | 'time'

/** All that a client gets to see, in order. */
async function transcript(connect: (server: ExecServer) => Connector, acts: readonly Act[], limits: Partial<Limits>) {
  const { server, host, clock } = fakeServer(limits)
  host.serveFile = async (method, [path]) => {
    if (method === 'readDirectory') return [{ fileName: 'a"\u2028é', isDirectory: false, isFile: true }]
    if (method === 'readFile') return Buffer.from(`contents of ${path}`)
    if (method === 'canonicalize') throw new Error('a fault')
    return { size: 1, kind: undefined }
  }
  host.serveHttp = async () => {
    let pieces = 2
    return {
      status: 200,
      headers: [{ name: 'x', value: 'é"' }],
      read: async () => (pieces-- > 0 ? new Uint8Array(10).fill(pieces) : undefined),
      cancel: () => {},
    } as never
  }
  const session = await Session.open({ connector: connect(server), limits: defaultClientLimits, clientName: 'test' })
  const seen: [string | number, unknown][] = []
  for (const method of Object.values(Method))
    session.onNotification(method, (params) => seen.push([method, asText(params)]))
  const exited = new Set<unknown>()
  for (const [index, act] of acts.entries()) {
    if (act === 'time') clock.advance(3)
    else if (act === 'output') {
      for (const child of host.children) if (!exited.has(child)) child.output('stdout', Uint8Array.of(0, 255, index))
    } else if (act === 'exit') {
      for (const child of host.children.filter((child) => !exited.has(child))) {
        exited.add(child)
        child.exit(index)
        child.end()
      }
    } else
      void session.call(act.method, act.params).then(
        (result) => seen.push([index, asText(result)]),
        (error: unknown) => seen.push([index, error instanceof RpcError ? [error.code, error.message] : String(error)]),
      )
    await settled()
    await settled()
  }
  clock.advance(100)
  for (let turn = 0; turn < 6; turn++) await settled()
  const written = host.children.map(({ written }) => asText(written))
  await session.close()
  server.shutdown()
  return { seen, written, faults: host.faults.length }
}

const params = fc.constantFrom<object | null>(
  null,
  {},
  [],
  startParams('p', { pipeStdin: true, env: { ['__proto__']: 'x', LANG: 'é' } }),
  startParams('q', { detached: { name: 'build' } }),
  startParams('p', { argv: [1] }),
  startParams('r', { outputWindow: 1.5 }),
  startParams('s', { confinement: 'strict' }),
  { processId: 'p' },
  { processId: 'p', waitMs: 5 },
  { processId: 'p', signal: 'interrupt', terminal: undefined },
  { run: 1 },
  { run: 'build', maxBytes: 5 },
  { path: '/a' },
  { path: '/a', dataBase64: 'QQ' },
  { path: 'relative' },
  { method: 'GET', url: 'http://x/', headers: [], requestId: 'h', streamResponse: true },
  { method: 'GET', url: 'http://x/', headers: [], requestId: 'i', streamResponse: false },
  { processId: 'p', waitMs: 2 ** 60 },
  { processId: 'p', waitMs: -1 },
  { processId: 'p', afterSeq: NaN },
)
const withBytes = fc.record({
  method: fc.constantFrom<string>(Method.ProcessWrite, Method.FsWriteFile, Method.ProcessRead),
  params: fc
    .tuple(
      fc.constantFrom({ processId: 'p', writeId: 'w' }, { path: '/a' }),
      fc.constantFrom('chunk', 'dataBase64'),
      fc.uint8Array(),
    )
    .map(([params, name, bytes]) => new ParamsWithBytes(params, name, bytes)),
})
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ method: fc.constantFrom(...Object.values(Method), 'x/y'), params }) },
  { weight: 4, arbitrary: fc.record({ method: fc.constant(Method.ProcessStart), params }) },
  { weight: 4, arbitrary: withBytes },
  { weight: 4, arbitrary: fc.constantFrom('output' as const, 'exit' as const, 'time' as const) },
)

type Transcript = Awaited<ReturnType<typeof transcript>>

const inOrder = (whole: Transcript): object => whole

/** With little room output waits behind answers for as long as what is queued has too many bytes, which differ. */
const apart = ({ seen, ...rest }: Transcript): object => ({
  ...rest,
  events: seen.filter(([name]) => typeof name === 'string'),
  answers: seen.filter(([name]) => typeof name === 'number'),
})

test('the same calls have the same outcomes, in the same order, over JSON text and in the program', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 30, size: 'max' }),
      fc.constantFrom<Partial<Limits>>({}, { messageBytes: 600 }, { outboundOutput: 100, outboundTotal: 300 }),
      async (acts, limits) => {
        const [ofValues, ofText] = [
          await transcript(inProcess, acts, limits),
          await transcript(textConnector, acts, limits),
        ]
        const form = limits.outboundOutput === undefined ? inOrder : apart
        assert.equal(form(ofValues), form(ofText))
      },
    ),
    { numRuns: 30 },
  )
})

/** A client whose commands the test plays. */
async function open(limits: Partial<Limits> = {}) {
  const { server, host, clock } = fakeServer(limits)
  const client = await openClient(inProcess(server), {}, defaultClientLimits)
  return { client, host, clock, server }
}

test('neither side sees what the other does to bytes and lists', async () => {
  const { client, host, clock } = await open()
  const argv = ['fake', 'argument']
  const starting = client.start({ argv, cwd: '/', stdin: 'pipe' })
  argv[1] = 'changed'
  const process = await starting
  const input = Uint8Array.of(1, 2, 3)
  const writing = process.write(input)
  input.fill(9)
  assert.is(await writing, 'accepted')
  assert.equal(host.child.spec.argv, ['fake', 'argument'])
  assert.equal([...(host.child.written[0] ?? [])], [1, 2, 3])
  host.child.output('stdout', 'abc')
  clock.turn()
  const { value: event } = await process[Symbol.asyncIterator]().next()
  assert.ok(event?.type === 'output')
  event.bytes.fill(0x7a)
  const { stdout } = await process.snapshot()
  assert.is(new TextDecoder().decode(stdout?.head), 'abc')
  assert.is(stdout?.head.constructor, Uint8Array)
  host.child.exit(0)
  host.child.end()
  await client.close()
})

test('bytes that belong to other memory are not passed on', async () => {
  const { client, host } = await open()
  const memory = Buffer.from('secret contents secret')
  host.serveFile = async () => memory.subarray(7, 15)
  const file = await client.fs.readFile('/a')
  assert.is(new TextDecoder().decode(file), 'contents')
  assert.equal([file.constructor, file.buffer.byteLength], [Uint8Array, 8])
  await client.close()
})

test('a message larger than the server takes is refused, and the call is answered', async () => {
  const { client } = await open({ messageBytes: 2000 })
  await assertRefused(client.start({ argv: ['x'.repeat(2000)], cwd: '/' }), /larger than 2000 bytes/)
  await assertRefused(client.start({ argv: ['\ud800'], cwd: '/' }), /lone surrogate/)
  await client.close()
})

async function assertRefused(promise: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(error instanceof RpcError && error.code === -32600, String(error))
  assert.match(error.message, message)
}

test.run()

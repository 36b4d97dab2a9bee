import * as assert from 'uvu/assert'
import type { GenericSchema } from 'valibot'
import { parseJson } from '../../../src/protocol/wire/json.ts'
import {
  EnvPolicy,
  ReadParams,
  ResizeParams,
  SignalParams,
  StartParams,
  TerminateParams,
  WriteParams,
} from '../../../src/protocol/schemas/process.ts'
import { decodeParams } from '../../../src/protocol/schemas/schema-primitives.ts'
import { test } from '../../support/suite.ts'

/** The decoded params, or undefined if they are refused. */
function read(schema: GenericSchema, params: unknown): any {
  try {
    return decodeParams(schema, parseJson(JSON.stringify(params)))
  } catch {
    return undefined
  }
}

const refusesEach = (schema: GenericSchema, good: object, bad: readonly object[]): void => {
  assert.ok(read(schema, good), 'the good one')
  for (const change of bad) assert.is(read(schema, { ...good, ...change }), undefined, JSON.stringify(change))
}

const start = { processId: 'p', argv: ['a'], cwd: '/', env: {}, tty: false }
const policy = { inherit: 'core', ignoreDefaultExcludes: false, exclude: [], set: {}, includeOnly: [] }

test('process/start needs its five members in their types', () => {
  for (const name of Object.keys(start)) {
    refusesEach(StartParams, start, [{ [name]: undefined }, { [name]: null }, { [name]: 5 }])
  }
  refusesEach(StartParams, start, [
    { argv: ['a', null] },
    { env: { A: null } },
    { env: [] },
    { cwd: 'relative' },
    { cwd: 'http://x/' },
  ])
})

test('metadata names a conversation by its UUID, in any of the usual forms', () => {
  const id = '0198c1d2-0000-7abc-8def-0123456789ab'
  for (const threadId of [id, id.toUpperCase(), id.replaceAll('-', '')])
    assert.is(read(StartParams, { ...start, metadata: { threadId } }).metadata?.threadId, id)
  for (const metadata of [null, {}, { threadId: null, toolCallId: null }, { toolCallId: 'call_1', other: 1 }])
    assert.ok(read(StartParams, { ...start, metadata }))
  refusesEach(StartParams, start, [
    { metadata: 'x' },
    { metadata: [] },
    { managedNetwork: 5 },
    { metadata: { threadId: 'x' } },
    { metadata: { threadId: id.slice(1) } },
    { metadata: { toolCallId: 5 } },
  ])
})

test('the optional members of process/start may be absent, and unknown ones are passed over', () => {
  const params = read(StartParams, { ...start, managedNetwork: null, shellSnapshot: null })
  assert.is(params.pipeStdin, false)
  assert.is(params.enforceManagedNetwork, false)
  for (const name of ['arg0', 'envPolicy', 'sandbox', 'networkProxy'])
    assert.ok(read(StartParams, { ...start, [name]: null }), name)
  refusesEach(StartParams, start, [
    { pipeStdin: null },
    { enforceManagedNetwork: null },
    { pipeStdin: 1 },
    { arg0: 5 },
    { envPolicy: {} },
    { envPolicy: [] },
  ])
})

test('a working directory is a path or a URI, whatever the client', () => {
  assert.is(read(StartParams, { ...start, cwd: '/a//b/' }).cwd, '/a/b')
  assert.is(read(StartParams, { ...start, cwd: 'file:///a%20b' }).cwd, '/a b')
})

test('the process id may be any string, the empty one too', () => {
  for (const processId of ['', '1000', 'é😀', '__proto__'])
    assert.is(read(StartParams, { ...start, processId }).processId, processId)
})

test('an environment policy needs its five members', () => {
  for (const name of Object.keys(policy))
    refusesEach(EnvPolicy, policy, [{ [name]: undefined }, { [name]: null }, { [name]: 5 }])
  refusesEach(EnvPolicy, policy, [
    { inherit: 'All' },
    { inherit: 'CORE' },
    { exclude: [5] },
    { includeOnly: 'A' },
    { set: { A: 5 } },
  ])
  for (const inherit of ['all', 'core', 'none']) assert.ok(read(EnvPolicy, { ...policy, inherit, more: 1 }))
})

test('process/read takes whole numbers of 64 bits, null or nothing', () => {
  const good = { processId: 'p' }
  for (const name of ['afterSeq', 'maxBytes', 'waitMs']) {
    for (const value of [null, 0, 5, 2 ** 53 - 1])
      assert.ok(read(ReadParams, { ...good, [name]: value }), `${name} ${value}`)
    refusesEach(ReadParams, good, [{ [name]: -1 }, { [name]: 1.5 }, { [name]: '1' }, { [name]: true }])
    assert.ok(decodeParams(ReadParams, parseJson(`{"processId":"p","${name}":18446744073709551615}`)))
    assert.throws(() => decodeParams(ReadParams, parseJson(`{"processId":"p","${name}":1.0}`)))
  }
  refusesEach(ReadParams, good, [{ processId: undefined }, { processId: 5 }])
})

test('process/write takes strict base64, and a write id or none', () => {
  const good = { processId: 'p', chunk: 'QQ==' }
  assert.equal(Array.from(read(WriteParams, good).chunk as Uint8Array), [0x41])
  for (const writeId of [null, 'w']) assert.ok(read(WriteParams, { ...good, writeId }))
  refusesEach(WriteParams, good, [
    { writeId: '' },
    { chunk: 'QQ' },
    { chunk: 'Q!==' },
    { chunk: null },
    { chunk: undefined },
    { writeId: 5 },
    { processId: null },
  ])
})

test('the signals are interrupt, and eight of ours', () => {
  const good = { processId: 'p', signal: 'interrupt' }
  for (const signal of ['terminate', 'hangup', 'quit', 'user1', 'user2', 'stop', 'continue', 'kill'])
    assert.is(read(SignalParams, { ...good, signal }).signal, signal)
  refusesEach(SignalParams, good, [
    { signal: 'SIGKILL' },
    { signal: 'Interrupt' },
    { signal: null },
    { signal: undefined },
    { signal: 2 },
  ])
})

test('process/terminate takes a process id', () => {
  refusesEach(TerminateParams, { processId: '' }, [{ processId: undefined }, { processId: null }, { processId: 7 }])
  assert.is(read(TerminateParams, null), undefined)
})

test('a terminal has from 1 to 65535 rows and columns, in whole numbers', () => {
  const good = { processId: 'p', rows: 24, columns: 80 }
  for (const [rows, columns] of [
    [1, 65_535],
    [65_535, 1],
  ])
    assert.equal(read(ResizeParams, { ...good, rows, columns }), { ...good, rows, columns })
  const bad = [0, -1, 65_536, 1.5, '24', null, undefined, true]
  refusesEach(
    ResizeParams,
    good,
    bad.flatMap((value) => [{ rows: value }, { columns: value }]),
  )
  refusesEach(
    StartParams,
    start,
    bad.map((rows) => ({ terminalSize: { rows, columns: 80 } })),
  )
  for (const terminalSize of [null, undefined, { rows: 1, columns: 2 }])
    assert.ok(read(StartParams, { ...start, terminalSize }))
})

test('a command has a bounded number of arguments and variables', () => {
  const start = (argv: number, env: number): unknown =>
    decodeParams(StartParams, {
      processId: 'p',
      argv: Array.from({ length: argv }, String),
      cwd: '/',
      env: Object.assign(Object.create(null), Object.fromEntries(Array.from({ length: env }, (_, i) => [`${i}`, '']))),
      tty: false,
    })
  assert.ok(start(16_384, 8192))
  assert.throws(() => start(16_385, 0), /argv: may have at most 16384 arguments/)
  assert.throws(() => start(1, 8193), /env: may have at most 8192 variables/)
})

test.run()

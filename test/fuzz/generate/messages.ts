/** Messages: the envelope in every form, and requests with params of every kind. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { Method } from '../../../src/protocol/wire/methods.ts'
import type { Input } from '../family.ts'
import { Members, oddString, oddValue, print, PROTOTYPE_KEYS, Raw } from './json.ts'
import type { Json } from './json.ts'
import { paramsOf } from './params.ts'
import type { Surroundings } from './params.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

const regularId: fc.Arbitrary<Json> = fc.oneof(
  { weight: 40, arbitrary: fc.nat(1000) },
  { weight: 20, arbitrary: oddString },
  { weight: 20, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
  {
    weight: 10,
    arbitrary: fc.constantFrom(
      ...['9223372036854775807', '-9223372036854775808', '0', '-1', '9007199254740993', '-9007199254740993'].map(
        (text) => new Raw(text),
      ),
    ),
  },
)

/** Lawful requests that change nothing, so that a byte more or less in them cannot do harm. */
const method: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.constantFrom<string[]>(
      Method.EnvironmentStatus,
      Method.EnvironmentInfo,
      Method.FsGetMetadata,
      Method.FsCanonicalize,
      Method.FsClose,
      Method.ProcessRead,
      Method.ProcessSignal,
      Method.Initialize,
    ),
  },
  {
    weight: 30,
    arbitrary: fc.constantFrom<string[]>(
      ...PROTOTYPE_KEYS,
      Method.Initialized,
      Method.ProcessOutput,
      'process/',
      'fs/x',
      'Initialize',
      'environment/status ',
      '\0',
    ),
  },
  { weight: 10, arbitrary: oddString },
)

const params: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json[]>(
    null,
    {},
    { path: '/' },
    { path: 'file:///dev/null' },
    { processId: 'p' },
    { handleId: 'h' },
    { clientName: 'x' },
    { clientName: 'x', resumeSessionId: 'y' },
    ['p'],
  ),
  oddValue,
)

const trace: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json[]>(null, {}, { traceparent: 'x', tracestate: null }, { traceparent: 1 }, [], 'x', {
    tracestate: [],
  }),
  oddValue,
)

type Envelope = readonly (readonly [string, Json])[]

const request: fc.Arbitrary<Envelope> = fc.tuple(regularId, method, params).map(([id, name, given]) => [
  ['id', id],
  ['method', name],
  ['params', given],
])

/** More of these would be more of connecting than of anything else: each ends its connection. */
const offence: fc.Arbitrary<Envelope> = fc.oneof(
  fc.tuple(method, params).map(
    ([name, given]): Envelope => [
      ['method', name],
      ['params', given],
    ],
  ),
  fc.tuple(regularId, oddValue).map(
    ([id, result]): Envelope => [
      ['id', id],
      ['result', result],
    ],
  ),
  fc.tuple(regularId, oddString).map(
    ([id, message]): Envelope => [
      ['id', id],
      ['error', { code: 1, message }],
    ],
  ),
)

const initialized: fc.Arbitrary<Envelope> = params.map(
  (given): Envelope => [
    ['method', Method.Initialized],
    ['params', given],
  ],
)

const extra: fc.Arbitrary<readonly [string, Json]> = fc.oneof(
  fc.tuple(fc.constant('trace'), trace),
  fc.tuple(fc.constant('jsonrpc'), oddValue),
  fc.tuple(fc.constantFrom('id', 'method', 'params', 'result', 'error'), oddValue),
  fc.tuple(oddString, oddValue),
)

/** The members in some order, with more of them or again, as text with some space. */
const envelope = (offences: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.oneof(
        { weight: 1000, arbitrary: request },
        { weight: offences, arbitrary: offence },
        { weight: 30, arbitrary: initialized },
      ),
      fc.oneof(
        { weight: 30, arbitrary: fc.constant<(readonly [string, Json])[]>([]) },
        { weight: 10, arbitrary: fc.array(extra, { minLength: 1, maxLength: 2 }) },
      ),
      fc.nat(5),
      fc.constantFrom('', '', '', ' ', '\n', '\t\r\n '),
    )
    .map(([members, more, turn, space]) => {
      const all = [...members, ...more]
      const turned = [...all.slice(turn % all.length), ...all.slice(0, turn % all.length)]
      return `${space}${print(new Members(turned))}${space}`
    })

/** What is no object, or not one object. */
const noEnvelope: fc.Arbitrary<string> = fc.oneof(
  oddValue.map(print),
  fc.constantFrom(
    '',
    ' ',
    '\n',
    '[]',
    '{}',
    'null',
    '{"id":1}',
    '{}{}',
    '{"id":1,"method":"x"}{"id":2,"method":"x"}',
    '[{"id":1,"method":"x"}]',
    '\ufeff{"id":1,"method":"x"}',
    '//',
    '{"id":1,"method":"x"',
    '{"id":1,"method":"x"}}',
  ),
)

type Edit = { how: 'cut' | 'insert' | 'replace' | 'double'; at: number; length: number; bytes: Uint8Array }

const edit: fc.Arbitrary<Edit> = fc.record({
  how: fc.constantFrom('cut', 'insert', 'replace', 'double'),
  at: fc.nat(400),
  length: fc.integer({ min: 1, max: 6 }),
  bytes: fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 3 }),
    fc.constantFrom(
      ...['"', '\\', '{', '}', '[', ']', ',', ':', '\\u0000', '\\ud800', '\0', '1', '-', 'e9', '.', 'é', '\u2028'].map(
        encode,
      ),
      Uint8Array.of(0xff),
      Uint8Array.of(0xc0, 0x80),
      Uint8Array.of(0xed, 0xa0, 0x80),
      Uint8Array.of(0xef, 0xbb, 0xbf),
    ),
  ),
})

function edited(bytes: Uint8Array, { how, at, length, bytes: put }: Edit): Uint8Array {
  const from = bytes.length === 0 ? 0 : at % bytes.length
  const to = Math.min(bytes.length, from + length)
  switch (how) {
    case 'cut':
      return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
    case 'insert':
      return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from)])
    case 'replace':
      return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)])
    case 'double':
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  }
}

/** `offences` in about a thousand messages close the connection. */
export function envelopes(offences: number): fc.Arbitrary<Input> {
  const whole = fc
    .oneof({ weight: 100, arbitrary: envelope(offences) }, { weight: 10, arbitrary: noEnvelope })
    .map(encode)
  const edits = fc.oneof(
    { weight: 20, arbitrary: fc.constant<Edit[]>([]) },
    { weight: 10, arbitrary: fc.array(edit, { minLength: 1, maxLength: 3 }) },
  )
  return fc.tuple(whole, edits, fc.boolean()).map(([bytes, all, binary]) => {
    const result = all.reduce(edited, bytes)
    // A text frame that is no text ends the connection: that is for the frames' family to show.
    return { bytes: result, binary: binary || !isUtf8(result) }
  })
}

/** How often a method comes, beside the others: processes take a thousand times what a look at a file takes. */
const WEIGHTS: Record<string, number> = {
  [Method.ProcessStart]: 6,
  [Method.HttpRequest]: 15,
  [Method.EnvironmentConfigRead]: 5,
  [Method.Initialize]: 5,
  [Method.CapabilityRootsDiscover]: 5,
}

/** Requests of every method, as their schemas have them and otherwise. Ids are given in order. */
export function requests(surroundings: Surroundings, without: readonly string[] = []): fc.Arbitrary<Input> {
  const methods = Object.entries(paramsOf(surroundings)).filter(([name]) => !without.includes(name))
  const each = methods.map(([name, given]) => ({
    weight: WEIGHTS[name] ?? 10,
    arbitrary: given.map((value) => [name, value] as const),
  }))
  return fc.tuple(fc.oneof(...each), fc.nat(1_000_000)).map(([[name, value], id]) => ({
    bytes: encode(
      print(
        new Members([
          ['id', id],
          ['method', name],
          ['params', value],
        ]),
      ),
    ),
    binary: false,
  }))
}

/** JSON texts out of values, as it should be, and as it should not. */
import fc from 'fast-check'
import { anyCharacter } from '../../support/characters.ts'

/** Text that is put into JSON as it is. */
export class Raw {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** An object by its members: names may repeat, and none is special. */
export class Members {
  readonly entries: readonly (readonly [string, Json])[]
  constructor(entries: readonly (readonly [string, Json])[]) {
    this.entries = entries
  }
}

export type Json =
  | undefined
  | null
  | boolean
  | number
  | bigint
  | string
  | Raw
  | Members
  | readonly Json[]
  | { readonly [name: string]: Json }

export function print(value: Json): string {
  if (value instanceof Raw) return value.text
  if (value === undefined || value === null) return 'null'
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(print).join(',')}]`
  return `{${membersOf(value)
    .map(([name, member]) => `${JSON.stringify(name)}:${print(member)}`)
    .join(',')}}`
}

export const isList = (value: Json): value is readonly Json[] => Array.isArray(value)

export const isObject = (value: Json): value is Members | { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Raw)

/** Members that are undefined are not there. */
export function membersOf(value: Members | { readonly [name: string]: Json }): readonly (readonly [string, Json])[] {
  if (value instanceof Members) return value.entries
  return Object.entries(value).filter(([, member]) => member !== undefined)
}

/** Names that an object of JavaScript has by itself, or that something in it looks for. */
export const PROTOTYPE_KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'toJSON',
  'then',
  'length',
  'name',
  '__defineGetter__',
  '',
] as const

const oddTexts = [
  '\0',
  'a\0b',
  '\u2028',
  '\ufeff',
  '\u202e',
  '💥',
  '\xff',
  '%00',
  '%',
  '..',
  '/',
  '\\',
  '\r\n',
  '\x1b[2J',
  ' ',
  'null',
  '0',
  '-1',
  '{}',
  'Infinity',
]

/** Very long ones are rare: each costs as much as thousands of others. */
const longText = fc.constantFrom(1000, 5000, 5000, 70_000, 300_000).map((length) => 'x'.repeat(length))

export const oddString: fc.Arbitrary<string> = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(...PROTOTYPE_KEYS, ...oddTexts) },
  { weight: 40, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  { weight: 20, arbitrary: fc.string({ unit: anyCharacter, maxLength: 12 }) },
  { weight: 3, arbitrary: longText },
  // JSON's escapes can write them, UTF-8 cannot: the message is malformed.
  { weight: 3, arbitrary: fc.constantFrom('\ud800', 'a\udc00', '\udfff\ud800') },
)

const NUMBERS = [
  '0',
  '-1',
  '1',
  '255',
  '65536',
  '2147483648',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '18446744073709551615',
  '18446744073709551616',
  '1e400',
  '-1e400',
  '-0',
  '-0.0',
  '0.1',
  '1.0',
  '1e3',
  '1E+2',
  '5e-324',
  '1'.repeat(400),
  `0.${'3'.repeat(400)}`,
]

export const oddNumber: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(...NUMBERS.map((text) => new Raw(text))),
  fc.integer(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)

const nested = fc
  .tuple(
    fc.constantFrom(2, 30, 120, 125, 126, 127, 128, 129, 200, 5000),
    fc.constantFrom(['[', ']'], ['{"a":', '}'], ['[{"a":', '}]']),
  )
  .map(([depth, [open, close]]) => new Raw(`${(open as string).repeat(depth)}1${(close as string).repeat(depth)}`))

/** No JSON. */
const broken = fc.constantFrom(
  ...[
    'NaN',
    'undefined',
    'tru',
    "'x'",
    '"\\x"',
    '01',
    '1.',
    '+1',
    '.5',
    '"\t"',
    '[1,]',
    '{,}',
    '{"a"}',
    '',
    '"\\ud8',
    '/**/1',
    '0x10',
    '1_000',
    '"',
  ].map((text) => new Raw(text)),
)

/** Any value at all. */
export const oddValue: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 40, arbitrary: fc.constantFrom<Json>(null, true, false, new Members([]), []) },
    { weight: 60, arbitrary: oddString },
    { weight: 60, arbitrary: oddNumber },
    { weight: 20, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    {
      weight: 30,
      arbitrary: fc.array(fc.tuple(oddString, tie('value')), { maxLength: 3 }).map((entries) => new Members(entries)),
    },
    { weight: 5, arbitrary: nested },
    { weight: 2, arbitrary: broken },
  ),
})).value

type Change = { how: 'set' | 'set' | 'drop' | 'repeat' | 'add' | 'wrap'; at: number; key: string; value: Json }

const change: fc.Arbitrary<Change> = fc.record({
  how: fc.constantFrom('set', 'set', 'set', 'drop', 'add', 'wrap', 'repeat'),
  at: fc.nat(40),
  key: fc.oneof(fc.constantFrom<string[]>(...PROTOTYPE_KEYS), oddString),
  value: oddValue,
})

/** As it should be, often; with one or two members that are not, else; and sometimes something else altogether. */
export function disturbed(regular: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  const changes = fc.oneof(
    { weight: 60, arbitrary: fc.constant<Change[]>([]) },
    { weight: 50, arbitrary: fc.array(change, { minLength: 1, maxLength: 2 }) },
  )
  return fc.oneof(
    { weight: 200, arbitrary: fc.tuple(regular, changes).map(([value, all]) => all.reduce(changed, value)) },
    { weight: 10, arbitrary: oddValue },
  )
}

function changed(value: Json, { how, at, key, value: other }: Change): Json {
  if (!isObject(value)) return how === 'wrap' ? [value] : value
  const entries = [...membersOf(value)]
  if (how === 'add' || entries.length === 0) return new Members([...entries, [key, other]])
  const index = at % entries.length
  const [name, member] = entries[index] as readonly [string, Json]
  // Half of the time further in, where there is a further.
  if (at >= entries.length && (isObject(member) || isList(member)))
    return new Members(entries.with(index, [name, within(member, { how, at: at - entries.length, key, value: other })]))
  switch (how) {
    case 'set':
      return new Members(entries.with(index, [name, other]))
    case 'wrap':
      return new Members(entries.with(index, [name, [member]]))
    case 'drop':
      return new Members(entries.toSpliced(index, 1))
    case 'repeat':
      return new Members([...entries, [name, other]])
  }
}

function within(value: Json, change: Change): Json {
  if (!isList(value)) return changed(value, change)
  if (value.length === 0) return [change.value]
  const index = change.at % value.length
  const item = value[index] as Json
  return value.with(index, isObject(item) && change.at % 2 === 0 ? changed(item, change) : change.value)
}

/** JSON texts of which it is known what they say, and values as texts to compare. */
import fc from 'fast-check'
import { JsonFloat } from '../../src/protocol/wire/json.ts'
import type { JsonValue } from '../../src/protocol/wire/json.ts'
import { Base64Text } from '../../src/protocol/wire/long-base64.ts'

/** A value as text that differs wherever two values differ, types and digits included. */
export function show(value: JsonValue): string {
  if (typeof value === 'bigint') return `big ${value}`
  if (value instanceof JsonFloat) return `float ${value.text}`
  if (value instanceof Base64Text) return `base64 ${value.bytes.toBase64()}`
  if (Array.isArray(value)) return `[${value.map(show).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${show(value[key] as JsonValue)}`)
  return `{${members.join()}}`
}

/** A JSON text, and the value that it stands for. */
export type Doc = { text: string; value: JsonValue }

const space = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 2 })

const character: fc.Arbitrary<{ text: string; value: string }> = fc.oneof(
  fc
    .constantFrom(...'nrtbf"\\/')
    .map((letter) => ({ text: `\\${letter}`, value: JSON.parse(`"\\${letter}"`) as string })),
  fc
    .integer({ min: 0, max: 0xd7ff })
    .map((code) => ({ text: `\\u${code.toString(16).padStart(4, '0')}`, value: String.fromCharCode(code) })),
  fc.integer({ min: 0x10000, max: 0x10ffff }).map((code) => {
    const value = String.fromCodePoint(code)
    return { text: value.replace(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase()}`), value }
  }),
  fc.constantFrom(...'abc_01 {}[]:,é\u2028\u007f😀').map((value) => ({ text: value, value })),
)

const stringDoc = fc.array(character, { maxLength: 6 }).map((parts) => ({
  text: `"${parts.map(({ text }) => text).join('')}"`,
  value: parts.map(({ value }) => value).join(''),
}))

const integerDoc = fc
  .oneof(
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
    fc.bigInt({ min: 2n ** 53n - 2n, max: 2n ** 53n + 2n }),
  )
  .map((integer) => {
    const isSafe = integer <= Number.MAX_SAFE_INTEGER && integer >= Number.MIN_SAFE_INTEGER
    return { text: String(integer), value: isSafe ? Number(integer) : integer }
  })

const floatDoc = fc
  .tuple(fc.constantFrom('', '-'), fc.nat(), fc.constantFrom('.0', '.25', 'e3', 'E+0', '.5e-7', 'e400'))
  .map(([sign, whole, rest]) => ({ text: `${sign}${whole}${rest}`, value: new JsonFloat(`${sign}${whole}${rest}`) }))

const wordDoc = fc.constantFrom(
  { text: 'true', value: true },
  { text: 'false', value: false },
  { text: 'null', value: null },
  { text: '-0', value: new JsonFloat('-0') },
)

/** Any JSON text. */
export const { doc } = fc.letrec<{ doc: Doc }>((tie) => ({
  doc: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    stringDoc,
    integerDoc,
    floatDoc,
    wordDoc,
    arrayDoc(tie('doc')),
    objectDoc(tie('doc')),
  ),
}))

function arrayDoc(element: fc.Arbitrary<Doc>): fc.Arbitrary<Doc> {
  return fc.tuple(fc.array(element, { maxLength: 4 }), space, space).map(([elements, left, right]) => ({
    text: `${left}[${left}${elements.map(({ text }) => left + text + right).join()}]${right}`,
    value: elements.map(({ value }) => value),
  }))
}

function objectDoc(member: fc.Arbitrary<Doc>): fc.Arbitrary<Doc> {
  const members = fc.uniqueArray(fc.tuple(stringDoc, member), { maxLength: 4, selector: ([{ value }]) => value })
  return fc.tuple(members, space, space).map(([list, left, right]) => {
    const value = Object.create(null) as { [key: string]: JsonValue }
    for (const [key, { value: member }] of list) value[key.value] = member
    return {
      text: `{${left}${list.map(([key, { text }]) => `${left}${key.text}${right}:${left}${text}${right}`).join()}}${right}`,
      value,
    }
  })
}

/** A change of one or two characters. */
export const edit = fc.record({
  at: fc.nat(),
  cut: fc.nat(2),
  put: fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0019.eE+-tfn\n\u0000\ufeff'), maxLength: 2 }),
})

/** The text with that change. */
export function edited(text: string, { at, cut, put }: { at: number; cut: number; put: string }): string {
  const place = at % (text.length + 1)
  return text.slice(0, place) + put + text.slice(place + cut)
}

/** Frames as bytes: whole messages, fragments, control frames, and what is none of these. */
import fc from 'fast-check'
import type { Input } from '../family.ts'
import { envelopes } from './messages.ts'

type Head = {
  fin?: boolean
  rsv?: number
  opcode: number
  mask?: Uint8Array | undefined
  /** So many bytes are for the length, besides the seven bits. */
  width?: 0 | 2 | 8
  /** Instead of the payload's. */
  length?: bigint
}

export function frame({ fin = true, rsv = 0, opcode, mask, width, length }: Head, payload: Uint8Array): Uint8Array {
  const said = length ?? BigInt(payload.length)
  const bytes = width ?? (said < 126n ? 0 : said < 65_536n ? 2 : 8)
  const short = bytes === 0 ? Number(said & 0x7fn) : bytes === 2 ? 126 : 127
  const head = Buffer.alloc(2 + bytes)
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (mask === undefined ? 0 : 0x80) | short
  if (bytes === 2) head.writeUInt16BE(Number(said & 0xffffn), 2)
  if (bytes === 8) head.writeBigUInt64BE(BigInt.asUintN(64, said), 2)
  if (mask === undefined) return Buffer.concat([head, payload])
  return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ (mask[index % 4] as number))])
}

const mask = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.constant(new Uint8Array(4)))
const width = fc.constantFrom<(0 | 2 | 8 | undefined)[]>(undefined, undefined, undefined, 2, 8)
const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10]

/** With a length in more bytes than it takes, now and then: that is nowhere refused. */
const widened = (given: 0 | 2 | 8 | undefined, payload: Uint8Array): 0 | 2 | 8 | undefined =>
  payload.length > 65_535 ? undefined : given

const whole = (offences: number): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(envelopes(offences), mask, width)
    .map(([{ bytes, binary }, key, wide]) =>
      frame({ opcode: binary ? BINARY : TEXT, mask: key, ...optional(widened(wide, bytes)) }, bytes),
    )

const optional = (wide: 0 | 2 | 8 | undefined): { width?: 0 | 2 | 8 } => (wide === undefined ? {} : { width: wide })

const control: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.constantFrom(PING, PING, PONG), fc.uint8Array({ maxLength: 125 }), mask)
  .map(([opcode, payload, key]) => frame({ opcode, mask: key }, payload))

/** A message in some pieces, empty ones too, with control frames between them. */
const fragmented = fc
  .tuple(
    envelopes(0),
    fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }),
    mask,
    fc.oneof(control, fc.constant(new Uint8Array())),
  )
  .map(([{ bytes, binary }, cuts, key, between]) => {
    const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
    const pieces = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
    return Buffer.concat(
      pieces.flatMap((piece, index) => [
        frame({ fin: index === pieces.length - 1, opcode: index > 0 ? 0 : binary ? BINARY : TEXT, mask: key }, piece),
        index < pieces.length - 1 ? between : new Uint8Array(),
      ]),
    )
  })

/** 2^24 is the bound of a frame. */
const LENGTHS = [
  0n,
  1n,
  125n,
  126n,
  127n,
  65_535n,
  65_536n,
  2n ** 24n,
  2n ** 24n + 1n,
  2n ** 24n + 1n,
  2n ** 24n + 2n ** 20n,
  2n ** 25n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]

const closing = fc
  .tuple(
    fc.constantFrom(0, 999, 1000, 1001, 1002, 1004, 1005, 1006, 1011, 1014, 1015, 2999, 3000, 4999, 5000, 65_535),
    fc.constantFrom('', 'bye', '\xff', 'x'.repeat(123), '💥'),
    fc.constantFrom(0, 1, 2, 3),
    mask,
  )
  .map(([code, reason, cut, key]) => {
    const payload = Buffer.concat([
      Uint8Array.of(code >> 8, code & 0xff),
      Buffer.from(reason, reason === '\xff' ? 'latin1' : 'utf8'),
    ])
    return frame({ opcode: CLOSE, mask: key }, cut < 2 ? payload.subarray(0, cut) : payload)
  })

/** Most of these end the connection. */
const wrong = fc.oneof(
  closing,
  fc
    .tuple(
      fc.nat(15),
      fc.boolean(),
      fc.nat(7),
      fc.option(mask, { nil: undefined }),
      fc.uint8Array({ maxLength: 140 }),
      width,
    )
    .map(([opcode, fin, rsv, key, payload, wide]) =>
      frame({ opcode, fin, rsv, mask: key, ...optional(wide) }, payload),
    ),
  fc
    .tuple(
      fc.constantFrom(TEXT, BINARY, 0, PING, CLOSE),
      mask,
      fc.constantFrom(...LENGTHS),
      fc.uint8Array({ maxLength: 10 }),
    )
    .map(([opcode, key, length, payload]) => frame({ opcode, mask: key, length, width: 8 }, payload)),
  fc
    .tuple(
      mask,
      fc.constantFrom([0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x7b, 0xe2, 0x82]),
    )
    .map(([key, bytes]) => frame({ opcode: TEXT, mask: key }, Uint8Array.from(bytes))),
  fc
    .tuple(mask, fc.constantFrom(0, TEXT, BINARY), envelopes(0))
    .map(([key, opcode, { bytes }]) => frame({ opcode, fin: false, mask: key }, bytes)),
  fc.uint8Array({ minLength: 1, maxLength: 30 }),
)

export const frames: fc.Arbitrary<Input> = fc
  .oneof(
    { weight: 1000, arbitrary: whole(3) },
    { weight: 600, arbitrary: control },
    { weight: 400, arbitrary: fragmented },
    { weight: 30, arbitrary: wrong },
  )
  .map((bytes) => ({ bytes, binary: true }))

/** RFC 6455 as a second pair of eyes has it: what a server must make of a client's bytes, and what a server says. */
import { isUtf8 } from 'node:buffer'

export type FrameEvent =
  | { kind: 'message'; bytes: Uint8Array }
  | { kind: 'ping'; bytes: Uint8Array }
  /** The client closes; whatever follows is not looked at. */
  | { kind: 'close' }
  /** An offence; `tooBig` for a frame or message above its bound. */
  | { kind: 'violation'; tooBig: boolean }

const FRAME_BYTES = 16n * 1024n * 1024n
export const MESSAGE_BYTES = 4 * Number(FRAME_BYTES)

const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const

type Head = { fin: boolean; opcode: number; length: bigint; start: number; mask: Uint8Array | undefined }

/** The server's side of one connection. Takes bytes as they come. */
export class FrameModel {
  #held: Uint8Array = new Uint8Array()
  #fragments: Uint8Array[] = []
  /** The opcode of the message under way. */
  #under: number | undefined
  #isOver = false
  readonly #messageBytes: () => number

  /** `messageBytes`: how many bytes the current message may have. */
  constructor(messageBytes: () => number) {
    this.#messageBytes = messageBytes
  }

  /** Whether the next byte would begin a message. */
  get isBetweenMessages(): boolean {
    return this.#held.length === 0 && this.#under === undefined
  }

  take(bytes: Uint8Array): FrameEvent[] {
    const events: FrameEvent[] = []
    this.#held = Buffer.concat([this.#held, bytes])
    while (!this.#isOver) {
      const event = this.#next()
      if (event === 'wait') break
      if (event === undefined) continue
      events.push(event)
      this.#isOver = event.kind === 'close' || event.kind === 'violation'
    }
    return events
  }

  #next(): FrameEvent | 'wait' | undefined {
    const head = this.#head()
    if (head === 'wait' || 'kind' in head) return head
    const { fin, opcode, length, start, mask } = head
    if (mask === undefined || BigInt(this.#held.length) < BigInt(start) + length) return 'wait'
    const end = start + Number(length)
    const payload = this.#held.slice(start, end).map((byte, index) => byte ^ (mask[index % 4] as number))
    this.#held = this.#held.slice(end)
    switch (opcode) {
      case Opcode.Ping:
        return { kind: 'ping', bytes: payload }
      case Opcode.Pong:
        return undefined
      case Opcode.Close:
        return isClose(payload) ? { kind: 'close' } : { kind: 'violation', tooBig: false }
      default:
        return this.#data(fin, payload)
    }
  }

  /** The head of a frame is judged before its payload is there. */
  #head(): Head | 'wait' | Extract<FrameEvent, { kind: 'violation' }> {
    const wrong = { kind: 'violation', tooBig: false } as const
    const [first, second] = this.#held
    if (first === undefined || second === undefined) return 'wait'
    const fin = first >= 0x80
    const opcode = first & 0x0f
    const short = second & 0x7f
    if ((first & 0x70) !== 0) return wrong
    const isControl = opcode >= 8
    if (isControl && (opcode > Opcode.Pong || !fin || short > 125 || (opcode === Opcode.Close && short === 1)))
      return wrong
    if (!isControl && (opcode > Opcode.Binary || (opcode === Opcode.Continuation) !== (this.#under !== undefined)))
      return wrong
    if (second < 0x80) return wrong
    if (!isControl && opcode !== Opcode.Continuation) this.#willBe = opcode
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    if (this.#held.length < 2 + lengthBytes) return 'wait'
    const length =
      lengthBytes === 0
        ? BigInt(short)
        : this.#held.slice(2, 2 + lengthBytes).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
    const sum = this.#fragments.reduce((total, bytes) => total + BigInt(bytes.length), length)
    if (!isControl && (length > FRAME_BYTES || sum > BigInt(this.#messageBytes())))
      return { kind: 'violation', tooBig: true }
    const start = 2 + lengthBytes + 4
    return {
      fin,
      opcode,
      length,
      start,
      mask: this.#held.length < start ? undefined : this.#held.slice(start - 4, start),
    }
  }

  #willBe: number = Opcode.Text

  #data(fin: boolean, payload: Uint8Array): FrameEvent | undefined {
    this.#under ??= this.#willBe
    this.#fragments.push(payload)
    if (!fin) return undefined
    const bytes = Buffer.concat(this.#fragments)
    const isText = this.#under === Opcode.Text
    this.#fragments = []
    this.#under = undefined
    return isText && !isUtf8(bytes) ? { kind: 'violation', tooBig: false } : { kind: 'message', bytes }
  }
}

/** Section 7.4: codes that may be sent, and those that are free to be used. */
function isClose(payload: Uint8Array): boolean {
  if (payload.length === 0) return true
  const code = ((payload[0] as number) << 8) | (payload[1] as number)
  const isLawful =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999)
  return isLawful && isUtf8(payload.subarray(2))
}

export type ServerFrame = { fin: boolean; opcode: number; payload: Buffer }

/** Cuts what a server says into frames; undefined for what is no frame of a server's. Returns what is left over, too. */
export function serverFrames(bytes: Buffer): { frames: ServerFrame[]; rest: Buffer } | undefined {
  const frames: ServerFrame[] = []
  let at = 0
  for (;;) {
    const [first, second] = [bytes[at], bytes[at + 1]]
    if (first === undefined || second === undefined) break
    if ((first & 0x70) !== 0 || second >= 0x80) return undefined
    const head = second === 126 ? 4 : second === 127 ? 10 : 2
    if (bytes.length < at + head) break
    const length = head === 2 ? second : head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2))
    if (bytes.length < at + head + length) break
    frames.push({ fin: first >= 0x80, opcode: first & 0x0f, payload: bytes.subarray(at + head, at + head + length) })
    at += head + length
  }
  return { frames, rest: bytes.subarray(at) }
}

/**
 * Messages as bytes: a byte for the kind, four for the length, then JSON, or the bytes of a file as they are; a small file
 * is the length of its JSON, the JSON, and its bytes. Small messages are sent together.
 */
import { CopyError } from './messages.ts'
import type { Message, SmallFile } from './messages.ts'

const CONTROL = 0
const DATA = 1
const SMALL = 2
const HEAD_BYTES = 5
const LENGTH_BYTES = 4

/** Large data is sent in multiples of this: the bytes that a write of the protocol carries. */
const PIECE_BYTES = 64 * 1024
/** Bytes that are collected before they are sent. */
const BATCH_BYTES = 4 * PIECE_BYTES
/** Data from this size on is not copied into the batch as a whole. */
const DIRECT_BYTES = PIECE_BYTES
/** Above two paths of the longest kind, each character escaped. */
const MAX_CONTROL_BYTES = 1024 * 1024

/** Sends messages. Calls must not overlap, but for `sendIfIdle`. */
export type MessageSink = {
  /** Resolves when there is room for more. The message may wait for later ones. */
  send(message: Message): Promise<void> | undefined
  /** Sends what waits. */
  flush(): Promise<void>
  /** Sends a message at once, unless others are being sent. */
  sendIfIdle(message: Message): void
}

/** Encodes messages; `write` resolves when it can take more bytes, which are not changed afterwards. */
export function messageSink(write: (bytes: Uint8Array) => Promise<void>): MessageSink {
  let batch = Buffer.allocUnsafeSlow(BATCH_BYTES)
  let filled = 0
  let busy = 0
  const encoder = new TextEncoder()

  /** The bytes are not changed afterwards: few are copied, of many the whole batch is given away. */
  const takeBatch = (): Uint8Array => {
    const isSmall = filled <= PIECE_BYTES
    const bytes = isSmall ? Uint8Array.prototype.slice.call(batch, 0, filled) : batch.subarray(0, filled)
    if (!isSmall) batch = Buffer.allocUnsafeSlow(BATCH_BYTES)
    filled = 0
    return bytes
  }
  const flush = async (more?: Uint8Array): Promise<void> => {
    const bytes = takeBatch()
    busy++
    try {
      if (bytes.length > 0) await write(bytes)
      if (more !== undefined && more.length > 0) await write(more)
    } finally {
      busy--
    }
  }
  const append = (bytes: Uint8Array): void => {
    batch.set(bytes, filled)
    filled += bytes.length
  }
  const appendHead = (kind: number, length: number): void => {
    batch[filled] = kind
    batch.writeUInt32BE(length, filled + 1)
    filled += HEAD_BYTES
  }
  const hasRoom = (length: number): boolean => filled + HEAD_BYTES + length <= BATCH_BYTES

  const sendLarge = async (kind: number, bytes: Uint8Array): Promise<void> => {
    // Nothing comes between a head and its bytes.
    busy++
    try {
      if (!hasRoom(0)) await flush()
      appendHead(kind, bytes.length)
      const start = (PIECE_BYTES - (filled % PIECE_BYTES)) % PIECE_BYTES
      const end = bytes.length - ((bytes.length - start) % PIECE_BYTES)
      append(bytes.subarray(0, start))
      await flush(bytes.subarray(start, end))
      append(bytes.subarray(end))
    } finally {
      busy--
    }
  }
  const appendSmall = (json: Uint8Array, bytes: Uint8Array): void => {
    appendHead(SMALL, LENGTH_BYTES + json.length + bytes.length)
    batch.writeUInt32BE(json.length, filled)
    filled += LENGTH_BYTES
    append(json)
    append(bytes)
  }
  const sendSmall = ({ bytes, ...file }: SmallFile): Promise<void> | undefined => {
    const json = encoder.encode(JSON.stringify(file))
    if (hasRoom(LENGTH_BYTES + json.length + bytes.length)) return void appendSmall(json, bytes)
    return flush().then(() => appendSmall(json, bytes))
  }
  const send = (message: Message): Promise<void> | undefined => {
    if (message.type === 'small') return sendSmall(message)
    const isData = message.type === 'data'
    const bytes = isData ? message.bytes : encoder.encode(JSON.stringify(message))
    const kind = isData ? DATA : CONTROL
    if (bytes.length >= DIRECT_BYTES) return sendLarge(kind, bytes)
    if (hasRoom(bytes.length)) {
      appendHead(kind, bytes.length)
      append(bytes)
      return undefined
    }
    return flush().then(() => {
      appendHead(kind, bytes.length)
      append(bytes)
    })
  }
  return {
    send,
    flush: async () => (filled > 0 ? flush() : undefined),
    sendIfIdle(message) {
      if (busy > 0) return
      void send(message)
      flush().catch(() => {})
    },
  }
}

/**
 * Decodes messages. The bytes of a file come in the pieces in which they arrive.
 * @throws {CopyError} if the stream ends within a message, or is none
 */
export async function* decodeMessages(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Message, void, undefined> {
  const head = new Uint8Array(HEAD_BYTES)
  const decoder = new TextDecoder()
  let headBytes = 0
  let left = 0
  let pieces: Uint8Array[] = []
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (headBytes < HEAD_BYTES) {
        head[headBytes++] = chunk[at++] as number
        if (headBytes === HEAD_BYTES) left = lengthOf(head)
        continue
      }
      const piece = chunk.subarray(at, at + left)
      at += piece.length
      left -= piece.length
      if (head[0] === DATA) yield { type: 'data', bytes: piece }
      else pieces.push(piece)
      if (left > 0) continue
      headBytes = 0
      if (head[0] === DATA) continue
      const whole = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
      pieces = []
      yield head[0] === SMALL ? smallFile(whole, decoder) : (JSON.parse(decoder.decode(whole)) as Message)
    }
  }
  if (headBytes > 0) throw new CopyError('the stream of the copy breaks off')
}

function smallFile(bytes: Uint8Array, decoder: TextDecoder): SmallFile {
  const start = LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  const file = JSON.parse(decoder.decode(bytes.subarray(LENGTH_BYTES, start))) as Omit<SmallFile, 'bytes'>
  return { ...file, bytes: bytes.subarray(start) }
}

function lengthOf(head: Uint8Array): number {
  const length = new DataView(head.buffer).getUint32(1)
  const isWhole = head[0] === CONTROL || head[0] === SMALL
  const isValid = head[0] === DATA ? length > 0 : isWhole && length > 0 && length <= MAX_CONTROL_BYTES
  if (!isValid) throw new CopyError('the other end of the copy sends something else')
  return length
}

/** Reads the frames of a server, independently of what writes them. */
import * as assert from 'uvu/assert'

export type Frame = { fin: boolean; opcode: number; payload: Buffer }

/** The frames in `bytes`: RFC 6455, section 5.2, unmasked. */
export function decode(bytes: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < bytes.length; ) {
    const [first, second] = [bytes[at] as number, bytes[at + 1] as number]
    assert.is(second & 0x80, 0, 'a server does not mask')
    assert.is(first & 0x70, 0, 'no extension has been negotiated')
    const [length, header] =
      second < 126
        ? [second, 2]
        : second === 126
          ? [bytes.readUInt16BE(at + 2), 4]
          : [Number(bytes.readBigUInt64BE(at + 2)), 10]
    frames.push({
      fin: (first & 0x80) !== 0,
      opcode: first & 0x0f,
      payload: bytes.subarray(at + header, at + header + length),
    })
    at += header + length
  }
  return frames
}

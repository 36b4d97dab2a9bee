/** Picks lines out of a stream of bytes. */
import { cutLine } from './cut.ts'

export type LineRange = {
  /** The first line, from 1. */
  first: number
  /** How many lines. */
  count: number
  /** Characters of one line. */
  maxLine: number
  /** Bytes of text to return, about. */
  maxText: number
  /** Bytes to read. */
  maxScan: number
}

export type Lines = {
  lines: string[]
  /** Whether the last line has no line end, as the stream ends there. */
  isOpen: boolean
  /** Lines seen, with the last one that has no line end. */
  seen: number
  /** Why not all lines that were asked for are there. */
  stop: 'count' | 'text' | 'scan' | undefined
}

/** Undefined: the bytes are no text, as one of the first 8192 is NUL. */
export async function readLines(stream: ReadableStream<Uint8Array>, range: LineRange): Promise<Lines | undefined> {
  const decoder = new TextDecoder()
  const { first, count, maxLine, maxText, maxScan } = range
  const lines: string[] = []
  let [seen, scanned, size] = [0, 0, 0]
  let line = ''
  /** Characters of the line that are not kept. */
  let dropped = 0
  let stop: Lines['stop']

  const endLine = (): void => {
    seen++
    if (seen < first) return
    if (stop === undefined && lines.length >= count) stop = 'count'
    if (stop === undefined && size >= maxText) stop = 'text'
    if (stop === undefined) {
      const whole = line.endsWith('\r') && dropped === 0 ? line.slice(0, -1) : line
      const shown =
        dropped === 0
          ? cutLine(whole, maxLine)
          : `${line.slice(0, maxLine)} [… ${dropped + line.length - maxLine} characters omitted]`
      lines.push(shown)
      size += shown.length
    }
  }
  const add = (part: string): void => {
    // Keep a little more than is shown, to count the rest.
    const room = Math.max(maxLine + 2 - line.length, 0)
    line += part.slice(0, room)
    dropped += Math.max(part.length - room, 0)
  }
  const take = (text: string): void => {
    let at = 0
    for (let end = text.indexOf('\n'); end >= 0 && stop === undefined; end = text.indexOf('\n', at)) {
      add(text.slice(at, end))
      endLine()
      line = ''
      dropped = 0
      at = end + 1
    }
    add(text.slice(at))
  }
  for await (const bytes of stream) {
    if (bytes.subarray(0, Math.max(8192 - scanned, 0)).includes(0)) return undefined
    scanned += bytes.length
    take(decoder.decode(bytes, { stream: true }))
    if (stop === undefined && scanned >= maxScan) stop = 'scan'
    if (stop !== undefined) return { lines, isOpen: false, seen, stop }
  }
  take(decoder.decode())
  const isOpen = line !== '' || dropped > 0
  if (isOpen) endLine()
  return { lines, isOpen: isOpen && stop === undefined, seen, stop }
}

/**
 * The heads of responses, rewritten for the runtime's parser, which is stricter than other clients. Lines may end in a
 * bare LF, and content-length may be given more than once, or as a list, with one value. All else goes to the parser as
 * it came, and what it does not understand is an error there.
 */
import type { Duplex } from 'node:stream'
import { HTTP_HEADER_BYTES, HTTP_HELD_LINE_BYTES } from '../limits.ts'
import { rewriteReads } from '../node-internals.ts'

/** Rewrites the next response that arrives on a socket; then the socket is read as before. */
export function rewriteResponseHead(socket: Duplex): void {
  const head = new ResponseHead()
  rewriteReads(socket, (chunk) => {
    const bytes = chunk === null ? head.end() : head.rewrite(chunk)
    return { bytes, isLast: head.isOver }
  })
}

const CRLF = '\r\n'
const LENGTH = 'content-length:'

/** Status lines of interim responses, which another head follows; 101 is final. */
const INTERIM = /^HTTP\/1\.[01] 1(?!01)\d\d(?: |$)/

/** Takes the bytes of a response and returns those to parse. */
export class ResponseHead {
  /** Whether the rest needs no rewriting: the body, or what is no head, or too long. */
  isOver = false
  /** The beginning of a line that cannot be passed on before more of it is known. */
  #held = ''
  /** Whether the beginning of the current line was passed on. */
  #isPartial = false
  #isStatusLine = true
  #isInterim = false
  #length: string | undefined
  #size = 0

  rewrite(chunk: Buffer): Buffer {
    if (this.isOver) return chunk
    const heldBefore = this.#held.length
    // One character per byte.
    const text = this.#held + chunk.toString('latin1')
    let [head, at] = ['', 0]
    for (let lf = text.indexOf('\n'); lf !== -1 && !this.isOver; lf = text.indexOf('\n', at)) {
      head += this.#line(text.slice(at, lf > at && text[lf - 1] === '\r' ? lf - 1 : lf))
      at = lf + 1
    }
    this.#size += chunk.length
    if (this.#size > HTTP_HEADER_BYTES) this.isOver = true
    this.#held = ''
    if (!this.isOver) {
      const rest = text.slice(at)
      this.#held = this.#hold(rest)
      const passed = rest.slice(0, rest.length - this.#held.length)
      if (passed !== '') this.#isPartial = true
      head += passed
      at = text.length
    }
    if (at < heldBefore) {
      head += text.slice(at, heldBefore)
      at = heldBefore
    }
    if (heldBefore === 0 && at === head.length && text.startsWith(head)) return chunk
    return Buffer.concat([Buffer.from(head, 'latin1'), chunk.subarray(at - heldBefore)])
  }

  /** What is left when the connection ends within the head. */
  end(): Buffer {
    this.isOver = true
    return Buffer.from(this.#held, 'latin1')
  }

  #line(line: string): string {
    const isPartial = this.#isPartial
    this.#isPartial = false
    if (isPartial) return line + CRLF
    if (line === '') {
      // Empty lines before a status line are skipped by the parser.
      if (!this.#isStatusLine) this.#endHead()
    } else if (this.#isStatusLine) {
      this.#isStatusLine = false
      this.#isInterim = INTERIM.test(line)
      if (!line.startsWith('HTTP/')) this.isOver = true
    } else if (line.slice(0, LENGTH.length).toLowerCase() === LENGTH) {
      return this.#lengthLine(line)
    }
    return line + CRLF
  }

  #endHead(): void {
    this.#length = undefined
    if (this.#isInterim) this.#isStatusLine = true
    else this.isOver = true
  }

  /** Leaves out an equal length. A different one, or none that is a number, is for the parser to refuse. */
  #lengthLine(line: string): string {
    const length = singleLength(line.slice(LENGTH.length))
    if (length === undefined || (this.#length !== undefined && this.#length !== length)) return line + CRLF
    if (this.#length === length) return ''
    this.#length = length
    return `${line.slice(0, LENGTH.length)} ${length}${CRLF}`
  }

  /** Returns the end of an incomplete line that must wait for the rest. */
  #hold(rest: string): string {
    if (!this.#isPartial && rest.length <= HTTP_HELD_LINE_BYTES) {
      const known = this.#isStatusLine ? 'http/' : LENGTH
      if (rest === '\r' || known.startsWith(rest.slice(0, known.length).toLowerCase())) return rest
    }
    // Without its beginning, what the status line says is unknown.
    if (this.#isStatusLine) this.isOver = true
    return rest.endsWith('\r') && !this.isOver ? '\r' : ''
  }
}

/** The number that a content-length gives, once or in a list; undefined for none or several. */
function singleLength(value: string): string | undefined {
  const numbers = value.split(',').map((one) => /^[ \t]*0*(\d+)[ \t]*$/.exec(one)?.[1])
  return numbers.every((number) => number === numbers[0]) ? numbers[0] : undefined
}

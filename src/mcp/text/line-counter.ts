/** Keeps the first lines of a text that comes in pieces, and counts the others. */
import { cutLine } from './cut.ts'

export type LineBounds = { maxLines: number; maxLine: number; maxText: number }

export class LineCounter {
  readonly #bounds: LineBounds
  readonly #decoder = new TextDecoder()
  readonly #lines: string[] = []
  #line = ''
  #lineLength = 0
  #textLength = 0
  #omitted = 0

  constructor(bounds: LineBounds) {
    this.#bounds = bounds
  }

  add(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }))
  }

  /** The lines, and the number of those left out. */
  end(): { lines: string[]; omitted: number } {
    this.#take(this.#decoder.decode())
    if (this.#lineLength > 0) this.#endLine()
    return { lines: this.#lines, omitted: this.#omitted }
  }

  #take(text: string): void {
    let at = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      this.#extend(text.slice(at, end))
      this.#endLine()
      at = end + 1
    }
    this.#extend(text.slice(at))
  }

  #extend(part: string): void {
    const room = this.#bounds.maxLine + 1 - this.#line.length
    if (room > 0) this.#line += part.slice(0, room)
    this.#lineLength += part.length
  }

  #endLine(): void {
    const { maxLines, maxLine, maxText } = this.#bounds
    if (this.#lines.length < maxLines && this.#textLength < maxText) {
      const omitted = this.#lineLength - maxLine
      const shown = omitted <= 0 ? this.#line : cutLine(this.#line.padEnd(this.#lineLength), maxLine)
      this.#lines.push(shown)
      this.#textLength += shown.length
    } else this.#omitted++
    this.#line = ''
    this.#lineLength = 0
  }
}

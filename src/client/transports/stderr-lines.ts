/** Splits stderr into lines of text for people to read. Lines above the limit are split. */

/** Push bytes, then `end`. */
export type StderrLines = {
  push(bytes: Uint8Array): void
  /** Flushes a last line without a newline. */
  end(): void
}

/** Calls `take` for each line, without its newline. */
export function stderrLines(maxCharacters: number, take: (line: string) => void): StderrLines {
  const decoder = new TextDecoder()
  let rest = ''
  return {
    push: (bytes) => {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(line.replace(/\r$/, ''))
      for (; rest.length > maxCharacters; rest = rest.slice(maxCharacters)) take(rest.slice(0, maxCharacters))
    },
    end: () => {
      const last = rest + decoder.decode()
      rest = ''
      if (last !== '') take(last)
    },
  }
}

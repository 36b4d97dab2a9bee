/** Splits stderr into lines of text for people to read. Lines above the limit are split. */

/** Push bytes, then `end`. */
export type StderrLines = {
  push(bytes: Uint8Array): void
  /** Flushes a last line without a newline. */
  end(): void
}

/** Calls `onLine` for each line, without its newline. */
export function stderrLines(maxCharacters: number, onLine: (line: string) => void): StderrLines {
  const decoder = new TextDecoder()
  let rest = ''
  return {
    push: (bytes) => {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line.replace(/\r$/, ''))
      for (; rest.length > maxCharacters; rest = rest.slice(maxCharacters)) onLine(rest.slice(0, maxCharacters))
    },
    end: () => {
      const last = rest + decoder.decode()
      rest = ''
      if (last !== '') onLine(last)
    },
  }
}

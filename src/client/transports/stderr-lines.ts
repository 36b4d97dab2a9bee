/** Stderr of a program as lines of text. No line is too long: beyond a bound it comes in pieces, for it is only to be read by people. */

export type StderrLines = {
  push(bytes: Uint8Array): void
  /** The last line has no end. */
  end(): void
}

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

/** Who waits for certain words of a server to go by. */

export type Passages = {
  /** Settles when this has gone by, from now on. */
  passed(text: string): Promise<void>
  see(bytes: Buffer | string): void
}

export function createPassages(): Passages {
  const awaited = new Map<string, PromiseWithResolvers<void>>()
  let tail = ''
  return {
    passed: (text) => {
      const waiting = awaited.get(text) ?? Promise.withResolvers<void>()
      awaited.set(text, waiting)
      return waiting.promise
    },
    see(bytes) {
      if (awaited.size === 0) return void (tail = '')
      const said = tail + (typeof bytes === 'string' ? bytes : bytes.toString('latin1'))
      for (const [text, { resolve }] of awaited) {
        if (!said.includes(text)) continue
        awaited.delete(text)
        resolve()
      }
      // Words may come in pieces. Longer ones than that nobody waits for.
      tail = said.slice(-100)
    },
  }
}

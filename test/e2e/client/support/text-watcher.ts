/** Waits for certain texts in a stream. */

/** Watches one stream. */
export type TextWatcher = {
  /** Resolves when the text has passed, from now on. */
  passed(text: string): Promise<void>
  /** Call with each chunk of the stream. */
  see(bytes: Buffer | string): void
}

/** Creates a watcher. */
export function createTextWatcher(): TextWatcher {
  const awaited = new Map<string, PromiseWithResolvers<void>>()
  let tail = ''
  return {
    passed: (text) => {
      const waiting = awaited.get(text) ?? Promise.withResolvers<void>()
      awaited.set(text, waiting)
      return waiting.promise
    },
    /** Call with each chunk of the stream. */
    see(bytes) {
      if (awaited.size === 0) return void (tail = '')
      const seen = tail + (typeof bytes === 'string' ? bytes : bytes.toString('latin1'))
      for (const [text, { resolve }] of awaited) {
        if (!seen.includes(text)) continue
        awaited.delete(text)
        resolve()
      }
      // A text may be split across chunks; none is longer than this.
      tail = seen.slice(-100)
    },
  }
}

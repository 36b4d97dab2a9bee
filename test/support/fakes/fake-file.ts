/** Open files that note what is done to them, and opens that end when the test says so. */
import type { OpenFile } from '../../../src/core/base/host.ts'

export class FakeFile implements OpenFile {
  closes = 0
  /** How many bytes a read gives at most. */
  length = Infinity
  readonly reads: number[] = []
  readonly writes: string[] = []
  failure: Error | undefined

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.failure !== undefined) throw this.failure
    this.reads.push(offset)
    return new Uint8Array(Math.min(length, this.length))
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    this.writes.push(`${offset}: ${new TextDecoder().decode(bytes)}`)
  }

  async close(): Promise<void> {
    this.closes++
  }
}

/** An open that is under way until the test ends it. */
export function opening() {
  const { promise, resolve, reject } = Promise.withResolvers<OpenFile>()
  const file = new FakeFile()
  return { open: () => promise, file, succeed: () => resolve(file), fail: (error: Error) => reject(error) }
}

/** Open files that record calls, and opens that the test settles. */
import type { OpenFile } from '../../../src/core/base/host.ts'

/** An open file that records reads and writes. */
export class FakeFile implements OpenFile {
  closes = 0
  /** Maximum number of bytes per read. */
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

/** A pending open that the test resolves or rejects. */
export function opening() {
  const { promise, resolve, reject } = Promise.withResolvers<OpenFile>()
  const file = new FakeFile()
  return { open: () => promise, file, succeed: () => resolve(file), fail: (error: Error) => reject(error) }
}

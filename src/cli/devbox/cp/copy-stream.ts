/** Copies the bytes of one file. */
import type { FileSystemAdapter, Sink } from './file-system-adapter.ts'

/** Receives the number of bytes after each write. */
export type Meter = { add(bytes: number): void }

/**
 * Writes `source` to the file `path`, replacing its contents. Removes an incomplete file, so that it is not mistaken
 * for a complete one; its previous contents are lost.
 * @throws the error of the source or the destination, or the signal's reason
 */
export async function copyStream(
  source: AsyncIterable<Uint8Array>,
  to: FileSystemAdapter,
  path: string,
  { add }: Meter,
  signal?: AbortSignal,
): Promise<void> {
  const sink = await to.write(path)
  try {
    for await (const bytes of source) {
      signal?.throwIfAborted()
      await sink.write(bytes)
      add(bytes.length)
    }
    signal?.throwIfAborted()
    await sink.close()
  } catch (error) {
    await discardIncomplete(sink, to, path).catch(() => {})
    throw error
  }
}

async function discardIncomplete(sink: Sink, to: FileSystemAdapter, path: string): Promise<void> {
  await sink.abort()
  // Do not remove devices and other special files.
  if ((await to.find(path))?.kind === 'file') await to.remove(path)
}

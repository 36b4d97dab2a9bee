/** One file's bytes into another. */
import type { FilePlace, Sink } from './file-system-adapter.ts'

export type Meter = { add(bytes: number): void }

/** A file that breaks off is removed, so that nobody takes it for a whole one; what was there before is gone then. */
export async function copyStream(
  source: AsyncIterable<Uint8Array>,
  to: FilePlace,
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
    await giveUp(sink, to, path).catch(() => {})
    throw error
  }
}

async function giveUp(sink: Sink, to: FilePlace, path: string): Promise<void> {
  await sink.abort()
  // Devices and the like are not ours to remove.
  if ((await to.find(path))?.kind === 'file') await to.remove(path)
}

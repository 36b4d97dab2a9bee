/** Saves a stream to a file, as a copy does: the target is as it was until everything is there. */
import { crc32 } from 'node:zlib'
import { machineId } from '../machine.ts'
import { CopyError } from '../messages.ts'
import type { CopyOptions, Entry, Report } from '../messages.ts'
import { DestinationWriter } from './write-destination.ts'

const OPTIONS: CopyOptions = {
  recursive: false,
  dereference: true,
  preserve: false,
  archive: false,
  noClobber: false,
  exclude: [],
  dryRun: false,
  verbose: false,
  counts: false,
}

/** An ordinary new file: the umask takes away what it may not have. */
const ENTRY: Entry = {
  type: 'entry',
  kind: 'file',
  source: '',
  root: 0,
  rootName: '',
  path: '',
  mode: 0o666,
  size: 0,
  accessNs: '0',
  modifiedNs: '0',
  id: '',
  uid: 0,
  gid: 0,
}

/**
 * Writes everything to the file `path`. A device takes the bytes as they come.
 * @throws {CopyError} if it cannot be written, or the error of the source; then the file is as before
 */
export async function saveStream(source: AsyncIterable<Uint8Array>, path: string): Promise<void> {
  const report = ({ level, text }: Report): void => {
    if (level === 'failed') throw new CopyError(`${path}: ${text}`)
  }
  const writer = new DestinationWriter(path, OPTIONS, { report, copied: () => {} })
  let [crc, size] = [0, 0]
  try {
    await writer.take({ type: 'roots', machine: machineId(), count: 1 })
    await writer.take(ENTRY)
    for await (const bytes of source) {
      crc = crc32(bytes, crc)
      size += bytes.length
      await writer.take({ type: 'data', bytes })
    }
    await writer.take({ type: 'end', crc, size })
    await writer.take({ type: 'finish' })
  } catch (error) {
    writer.abandon()
    throw error
  }
}

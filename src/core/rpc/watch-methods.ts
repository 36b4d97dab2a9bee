/** fs/watchMissing: tells a client when what it did not find comes to be. */
import { WatchMissingParams } from '../../protocol/schemas/fs.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { method } from './method.ts'

export const watchMethods = {
  [Method.FsWatchMissing]: method(
    'filesystem',
    WatchMissingParams,
    ({ watchId, missing, present }, { watch, host, limits, files }) =>
      files.read(async () => ({ watching: watch.begin(watchId, missing, present ?? undefined, host, limits) })),
  ),
}

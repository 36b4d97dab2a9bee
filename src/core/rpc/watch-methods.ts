/** fs/watchMissing: notifies a client once a missing path appears. */
import { WatchMissingParams } from '../../protocol/schemas/fs.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { method } from './method.ts'

/** The watch methods, by name. */
export const watchMethods = {
  [Method.FsWatchMissing]: method(
    'filesystem',
    WatchMissingParams,
    ({ watchId, missing, present }, { watch, host, limits, files }) =>
      files.read(async () => ({ watching: watch.begin(watchId, missing, present ?? undefined, host, limits) })),
  ),
}

/** Files that stay open: fs/open, fs/readBlock, fs/writeBlock, fs/close. */
import { internalError, invalidRequest } from '../protocol/errors.ts'
import { CloseParams, OpenParams, ReadBlockParams, WriteBlockParams } from '../protocol/fs.ts'
import { Method } from '../protocol/methods.ts'
import { blockResult } from './frames.ts'
import { method } from './method.ts'
import { release } from './release.ts'

const FAMILY = 'filesystem'

/** Beyond what the system's own offsets can tell. */
const OFFSET_LIMIT = 2 ** 63

/** Above it a number is no exact offset; no file system has files of nine million gigabytes. */
const isBeyondFiles = (offset: number): boolean => offset > Number.MAX_SAFE_INTEGER - 1024 * 1024 * 1024

export const streamMethods = {
  [Method.FsOpen]: method(FAMILY, OpenParams, ({ handleId, path, mode, sandbox }, { handles, host, files }) => {
    const order = mode === 'replace' ? 'mutate' : 'read'
    return files[order](async () => {
      await handles.open(handleId, () => host.files(sandbox ?? undefined).open(path, mode ?? 'read'))
      return { handleId }
    })
  }),
  [Method.FsReadBlock]: method(FAMILY, ReadBlockParams, ({ handleId, offset, len }, { handles, files, limits, reserve }) =>
    files.read(async () => {
      if (len < 1 || len > limits.fileBlock) throw invalidRequest(`file read block length must be between 1 and ${limits.fileBlock}`)
      await reserve(Math.ceil((len * 4) / 3))
      const bytes = await handles.use(handleId, (file) => (isBeyondFiles(offset) ? Promise.resolve(new Uint8Array()) : file.read(offset, len)))
      return blockResult(bytes, bytes.length < len)
    }),
  ),
  [Method.FsWriteBlock]: method(FAMILY, WriteBlockParams, ({ handleId, offset, chunk }, { handles, files, limits }) =>
    files.mutate(async () => {
      if (chunk.length < 1 || chunk.length > limits.fileBlock) {
        throw invalidRequest(`file write block length must be between 1 and ${limits.fileBlock}`)
      }
      if (offset + chunk.length >= OFFSET_LIMIT) throw invalidRequest('file write range exceeds the signed 64-bit file offset limit')
      if (isBeyondFiles(offset)) throw internalError('File too large (os error 27)')
      await handles.use(handleId, (file) => file.write(offset, chunk))
      release(chunk)
      return {}
    }),
  ),
  [Method.FsClose]: method(FAMILY, CloseParams, ({ handleId }, { handles, files }) =>
    files.mutate(async () => {
      await handles.close(handleId)
      return {}
    }),
  ),
}

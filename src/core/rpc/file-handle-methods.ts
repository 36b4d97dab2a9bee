/** Handlers of the file handle methods: fs/open, fs/readBlock, fs/writeBlock, fs/close. */
import { internalError, invalidRequest } from '../../protocol/wire/errors.ts'
import { CloseParams, OpenParams, ReadBlockParams, WriteBlockParams } from '../../protocol/schemas/fs.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { base64Length, blockResult } from '../base/json-fragments.ts'
import { method } from './method.ts'
import { release } from '../base/bytes.ts'

const FAMILY = 'filesystem'

/** Largest file offset of the operating system (signed 64 bits). */
const LAST_OFFSET = 2n ** 63n - 1n

/** Whether a block ends beyond the largest offset. */
const isBeyondOffsets = (offset: number | bigint, length: number): boolean =>
  BigInt(offset) + BigInt(length) > LAST_OFFSET

/** Whether an offset is beyond any real file: none has nine million gigabytes. */
const isBeyondFiles = (offset: number | bigint): offset is bigint =>
  typeof offset === 'bigint' || !Number.isSafeInteger(offset + 2 ** 30)

/** The file handle methods, by name. */
export const fileHandleMethods = {
  [Method.FsOpen]: method(FAMILY, OpenParams, ({ handleId, path, mode, sandbox }, { handles, host, caller, files }) => {
    const order = mode === 'replace' ? 'mutate' : 'read'
    return files[order](async () => {
      await handles.open(handleId, mode, () => host.files(sandbox ?? undefined, caller).open(path, mode))
      return { handleId }
    })
  }),
  [Method.FsReadBlock]: method(
    FAMILY,
    ReadBlockParams,
    ({ handleId, offset, len }, { handles, files, limits }, ticket) =>
      files.read(async () => {
        if (len < 1 || len > limits.fileBlock)
          throw invalidRequest(`file read block length must be between 1 and ${limits.fileBlock}`)
        await ticket.reserve(base64Length(len))
        const bytes = await handles.use(handleId, 'read', async (file) => {
          if (isBeyondOffsets(offset, len)) throw invalidRequest('Invalid argument (os error 22)')
          return isBeyondFiles(offset) ? new Uint8Array() : file.read(offset, len)
        })
        return blockResult(bytes, bytes.length < len)
      }),
  ),
  [Method.FsWriteBlock]: method(FAMILY, WriteBlockParams, ({ handleId, offset, chunk }, { handles, files, limits }) =>
    files.mutate(async () => {
      if (chunk.length < 1 || chunk.length > limits.fileBlock) {
        throw invalidRequest(`file write block length must be between 1 and ${limits.fileBlock}`)
      }
      if (isBeyondOffsets(offset, chunk.length))
        throw invalidRequest('file write range exceeds the signed 64-bit file offset limit')
      if (isBeyondFiles(offset)) throw internalError('File too large (os error 27)')
      await handles.use(handleId, 'replace', (file) => file.write(offset, chunk))
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

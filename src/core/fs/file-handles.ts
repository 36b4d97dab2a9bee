/** Open files of one connection, by the client's handle ids. They are closed with it. */
import { ErrorCode, internalError, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import type { OpenMode } from '../../protocol/schemas/fs.ts'
import { detached } from '../../protocol/wire/json.ts'
import type { OpenFile } from '../base/host.ts'

/** Maximum length of a handle id in UTF-8. Same as the reference. */
const MAX_ID_BYTES = 32

function checkId(handleId: string): void {
  if (new TextEncoder().encode(handleId).length > MAX_ID_BYTES)
    throw invalidRequest(`file handle ID must not exceed ${MAX_ID_BYTES} bytes`)
}

/** At most `limit` open files. */
export class FileHandles {
  readonly #limit: number
  /** Undefined while the file is being opened: it already counts. */
  readonly #files = new Map<string, { file: OpenFile; mode: OpenMode } | undefined>()
  #disposed = false

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#files.size
  }

  /**
   * Opens a file under a new handle id.
   * @throws -32600 for an id that is in use or too long, or beyond the limit; and what `open` throws
   */
  async open(handleId: string, mode: OpenMode, open: () => Promise<OpenFile>): Promise<void> {
    checkId(handleId)
    if (this.#files.has(handleId)) throw invalidRequest(`file handle \`${handleId}\` already exists`)
    if (this.#files.size >= this.#limit)
      throw invalidRequest(`at most ${this.#limit} file handles may be open per connection`)
    const id = detached(handleId)
    this.#files.set(id, undefined)
    let file: OpenFile
    try {
      file = await open()
    } catch (error) {
      this.#files.delete(id)
      throw error
    }
    // The handle was closed, or the connection is gone, before the file was open.
    if (this.#disposed || !this.#files.has(id)) return file.close()
    this.#files.set(id, { file, mode })
  }

  /**
   * Runs an operation on an open file. A failure closes the file, because its state is unknown; a write to a file
   * opened for reading is refused and leaves it open.
   * @throws -32004 for an unknown handle, -32603 for such a write; and what `use` throws
   */
  async use<T>(handleId: string, mode: OpenMode, use: (file: OpenFile) => Promise<T>): Promise<T> {
    checkId(handleId)
    const open = this.#files.get(handleId)
    if (open === undefined) throw new RpcError(ErrorCode.NotFound, `unknown file handle \`${handleId}\``)
    if (mode === 'replace' && open.mode === 'read') throw internalError('Bad file descriptor (os error 9)')
    try {
      return await use(open.file)
    } catch (error) {
      await this.close(handleId)
      throw error
    }
  }

  /** Closes a handle. An unknown one counts as closed already. */
  async close(handleId: string): Promise<void> {
    checkId(handleId)
    const open = this.#files.get(handleId)
    this.#files.delete(handleId)
    await open?.file.close()
  }

  /** Closes all files. */
  dispose(): void {
    this.#disposed = true
    for (const id of [...this.#files.keys()]) this.close(id).catch(() => {})
  }
}

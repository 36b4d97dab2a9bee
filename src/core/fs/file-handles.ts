/** The files that one connection holds open, by the names that the client gave them. They end with it. */
import { ErrorCode, internalError, invalidRequest, RpcError } from '../../protocol/wire/errors.ts'
import type { OpenMode } from '../../protocol/schemas/fs.ts'
import { detached } from '../../protocol/wire/json.ts'
import type { OpenFile } from '../base/host.ts'

/** The reference's bound, in UTF-8. */
const MAX_ID_BYTES = 32

function checkId(handleId: string): void {
  if (new TextEncoder().encode(handleId).length > MAX_ID_BYTES)
    throw invalidRequest(`file handle ID must not exceed ${MAX_ID_BYTES} bytes`)
}

export class FileHandles {
  readonly #limit: number
  /** Undefined while the file is being opened: it has its place already. */
  readonly #files = new Map<string, { file: OpenFile; mode: OpenMode } | undefined>()
  #disposed = false

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#files.size
  }

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
    // Closed, or the connection is gone, before it was open.
    if (this.#disposed || !this.#files.has(id)) return file.close()
    this.#files.set(id, { file, mode })
  }

  /** Uses an open file. One that fails is closed: what state it is in, nobody knows. One opened to be read is not written, and stays. */
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

  /** A handle that is not there is closed already. */
  async close(handleId: string): Promise<void> {
    checkId(handleId)
    const open = this.#files.get(handleId)
    this.#files.delete(handleId)
    await open?.file.close()
  }

  dispose(): void {
    this.#disposed = true
    for (const id of [...this.#files.keys()]) this.close(id).catch(() => {})
  }
}

/**
 * Stdin of a process. Each chunk has a unique id, so that the server can deduplicate chunks resent after a lost
 * connection.
 */
import { Method } from '../../protocol/wire/methods.ts'
import { ParamsWithBytes } from '../transports/client-message.ts'
import type { RpcClient } from '../session/rpc-client.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import { call } from '../session/unsupported.ts'
import type { Abortable, WriteStatus } from '../base/types.ts'

/** EOT, which a terminal takes as end of input. */
const END_OF_TRANSMISSION = Uint8Array.of(4)

/** Options of {@link ProcessInput}. */
export type InputOptions = { id: string; rpc: RpcClient; limits: ClientLimits; isTerminal: boolean }

/** Writes to a process's stdin. */
export class ProcessInput {
  readonly #options: InputOptions
  /** Random, as other clients may write to the same process. */
  readonly #writer = crypto.randomUUID()
  #count = 0

  constructor(options: InputOptions) {
    this.#options = options
  }

  /** Resolves once the server has accepted all chunks, or with the status of the first one it did not. */
  async write(data: Uint8Array | string, { signal }: Abortable = {}): Promise<WriteStatus> {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    const { writeChunk } = this.#options.limits
    if (bytes.length <= writeChunk) return this.#writePiece(bytes, signal)
    const pieces: Promise<WriteStatus>[] = []
    for (let at = 0; at < bytes.length; at += writeChunk)
      pieces.push(this.#writePiece(bytes.subarray(at, at + writeChunk), signal))
    const statuses = await Promise.all(pieces)
    return statuses.find((status) => status !== 'accepted') ?? 'accepted'
  }

  async #writePiece(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<WriteStatus> {
    const { rpc, id } = this.#options
    const call = { processId: id, writeId: `${this.#writer}-${++this.#count}` }
    // A copy: the call may wait, or be sent again.
    const params = new ParamsWithBytes(call, 'chunk', bytes.slice())
    const { status } = await rpc.call<{ status: WriteStatus }>(Method.ProcessWrite, params, {
      signal,
      repeatable: true,
    })
    return status
  }

  async end({ signal }: Abortable = {}): Promise<void> {
    const { rpc, id, isTerminal } = this.#options
    if (isTerminal) return void (await this.write(END_OF_TRANSMISSION, { signal }))
    if (!rpc.extensions.has('closeStdin')) throw new UnsupportedError('this server cannot close the stdin of a process')
    await call(rpc, Method.ProcessCloseStdin, { processId: id }, { signal, repeatable: true })
  }

  /** Stdin as a stream. A few chunks are in flight at a time; a process that does not read applies backpressure. */
  stream(): WritableStream<Uint8Array> {
    const { limits } = this.#options
    const inFlight = new Set<Promise<void>>()
    let failure: Error | undefined
    const writeOrThrow = async (bytes: Uint8Array): Promise<void> => {
      const status = await this.write(bytes)
      if (status !== 'accepted') throw new Error(`stdin of process ${this.#options.id} is closed (${status})`)
    }
    const enqueue = async (bytes: Uint8Array): Promise<void> => {
      if (failure !== undefined) throw failure
      const written: Promise<void> = writeOrThrow(bytes)
        .catch((error: Error) => void (failure ??= error))
        .finally(() => inFlight.delete(written))
      inFlight.add(written)
      if (inFlight.size >= limits.writesInFlight) await Promise.race(inFlight)
    }
    return new WritableStream<Uint8Array>({
      async write(chunk) {
        for (let at = 0; at < chunk.length; at += limits.writeChunk)
          await enqueue(chunk.subarray(at, at + limits.writeChunk))
      },
      close: async () => {
        await Promise.all(inFlight)
        if (failure !== undefined) throw failure
        await this.end()
      },
      // The writer failed: send end of file, so that the process does not wait for input.
      abort: () => this.end().catch(() => {}),
    })
  }
}

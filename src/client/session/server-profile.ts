/** What a server says about itself in the handshake, and which path format it expects. */
import { ErrorCode } from '../../protocol/wire/errors.ts'
import type { RpcError } from '../../protocol/wire/errors.ts'
import type { EnvironmentInfo } from '../../protocol/schemas/session.ts'
import { ProtocolError } from '../base/errors.ts'
import { createPathEncoder } from './path-codec.ts'
import type { PathEncoder } from './rpc-client.ts'

type InitializeResult = { sessionId?: unknown; environmentInfo?: EnvironmentInfo | null; extensions?: unknown }

/** The profile of a session's server. */
export class ServerProfile {
  #sessionId = ''
  #environmentInfo: EnvironmentInfo | undefined
  #extensions: ReadonlySet<string> = new Set()
  /** Servers up to 0.140 expect plain paths, those from 0.150 on URIs. Only the latter report their environment. */
  #paths = createPathEncoder(true)
  #isPathFormatKnown = false

  get sessionId(): string {
    return this.#sessionId
  }

  get environmentInfo(): EnvironmentInfo | undefined {
    return this.#environmentInfo
  }

  get extensions(): ReadonlySet<string> {
    return this.#extensions
  }

  get paths(): PathEncoder {
    return this.#paths
  }

  /**
   * Takes the result of `initialize`. `resumed`: the session that was to be resumed, or null.
   * @throws {ProtocolError} If the result is malformed, or of another session.
   */
  onInitialized(result: unknown, resumed: string | null): void {
    const { sessionId, environmentInfo, extensions } = (result ?? {}) as InitializeResult
    if (typeof sessionId !== 'string')
      throw new ProtocolError('the server has answered initialize without a session id')
    if (resumed !== null && sessionId !== resumed)
      throw new ProtocolError(`the server has given another session, ${sessionId}`)
    this.#sessionId = sessionId
    this.#environmentInfo = environmentInfo ?? undefined
    this.#extensions = new Set(Array.isArray(extensions) ? extensions.filter((name) => typeof name === 'string') : [])
    if (this.#isPathFormatKnown) return
    this.#isPathFormatKnown = this.#environmentInfo !== undefined
    this.#paths = createPathEncoder(this.#isPathFormatKnown)
  }

  /**
   * Call when the server has refused a call with paths. A server that does not report its environment may still expect
   * URIs: if the error says so, switches to URIs and returns true. The params were rejected, so nothing was done yet
   * and the call can be sent again.
   */
  switchToUris(error: RpcError): boolean {
    if (this.#isPathFormatKnown || error.code !== ErrorCode.InvalidParams || !/URI/.test(error.message)) return false
    this.#isPathFormatKnown = true
    this.#paths = createPathEncoder(true)
    return true
  }
}

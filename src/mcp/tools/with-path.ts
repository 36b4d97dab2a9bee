/** Names the file in what the devbox says of a failed file call. */
import { RpcError } from '../../client/base/errors.ts'
import { ToolError } from '../tool.ts'

/** @throws {ToolError} for an RpcError; its message begins with the path */
export async function withPath<T>(path: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    throw new ToolError(error.message.startsWith(path) ? error.message : `${path}: ${error.message}`)
  }
}

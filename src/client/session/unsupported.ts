/** Calls of methods that not every server has. */
import { ErrorCode, RpcError } from '../../protocol/wire/errors.ts'
import type { RpcClient, CallOptions, ParamsSource } from './rpc-client.ts'
import { UnsupportedError } from '../base/errors.ts'

/**
 * Calls a method.
 * @throws {UnsupportedError} If the server lacks it.
 */
export async function call<T>(rpc: RpcClient, method: string, params: ParamsSource, options?: CallOptions): Promise<T> {
  try {
    return await rpc.call<T>(method, params, options)
  } catch (error) {
    throw isMissingMethod(error) ? unsupported(method) : error
  }
}

/** Whether the server reported that it lacks the method. */
export const isMissingMethod = (error: unknown): boolean =>
  error instanceof RpcError && error.code === ErrorCode.MethodNotFound

/** The error for a method that the server lacks. */
export const unsupported = (method: string): UnsupportedError => new UnsupportedError(`the server has no ${method}`)

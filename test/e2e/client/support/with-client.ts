/** Runs a test with a client, its own server and an empty folder, and disposes of them afterwards. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../../../../src/client/connect.ts'
import type { ClientOptions } from '../../../../src/client/connect.ts'
import type { ExecClient } from '../../../../src/client/base/types.ts'
import type { Subject } from './subject.ts'

export type Scene = { client: ExecClient; folder: string; url: string }

export type SceneOptions = ClientOptions & {
  args?: readonly string[]
  /** Starts a proxy in front of the server. */
  via?: (url: string) => Promise<{ url: string; close(): void }>
}

export async function withClient(
  subject: Subject,
  body: (scene: Scene) => Promise<void>,
  { args = [], via, ...options }: SceneOptions = {},
): Promise<void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'client-')))
  const server = await subject.serve(args)
  const proxy = await via?.(server.url)
  try {
    await using client = await connect(proxy?.url ?? server.url, options)
    await body({ client, folder, url: server.url })
  } finally {
    proxy?.close()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The error that a promise rejects with. Throws if it does not. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: number }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('it went well')
}

/** Bytes without repeating blocks, so that a wrong offset is noticed. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 0x9e3779b1)
  return new Uint8Array(words.buffer, 0, length)
}

export const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Reads to the end: the number of bytes, and the error that ended the body. */
export async function drain(response: Response): Promise<{ total: number; error: Error | undefined }> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  let total = 0
  try {
    for (let read = await reader.read(); read.done !== true; read = await reader.read()) total += read.value.length
    return { total, error: undefined }
  } catch (error) {
    return { total, error: error as Error }
  }
}

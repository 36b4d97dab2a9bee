/** Reads and writes whole text files, for the tools that change them. */
import { posix } from 'node:path'
import { ErrorCode, RpcError } from '../../client/base/errors.ts'
import { EDIT_BYTES } from '../limits.ts'
import { ToolError } from '../tool.ts'
import type { Workspace } from '../workspace.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws {ToolError} if it is too large, or not UTF-8, which a replacement would damage */
export async function readText({ client, files }: Workspace, path: string, signal: AbortSignal): Promise<string> {
  const { isFile, size } = await client.fs.getMetadata(path, files(signal))
  if (!isFile) throw new ToolError(`${path} is no regular file`)
  if (size > EDIT_BYTES) throw new ToolError(`${path} has ${size} bytes; files of up to ${EDIT_BYTES} can be changed`)
  const bytes = await client.fs.readFile(path, files(signal))
  try {
    return decoder.decode(bytes)
  } catch {
    throw new ToolError(`${path} is no UTF-8 text: use exec to change it`)
  }
}

/** The same; undefined if there is no such file. */
export async function readTextIfAny(
  workspace: Workspace,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    return await readText(workspace, path, signal)
  } catch (error) {
    if (error instanceof RpcError && error.code === ErrorCode.NotFound) return undefined
    throw error
  }
}

/** Writes a file, and creates the directories above it. */
export async function writeWithParents(
  { client, files }: Workspace,
  path: string,
  data: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const parent = posix.dirname(path)
  if (!(await client.fs.exists(parent, files(signal)))) await client.fs.createDirectory(parent, files(signal))
  await client.fs.writeFile(path, data, files(signal))
}

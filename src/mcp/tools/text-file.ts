/** Reads and writes whole text files, for the tools that change them. */
import { posix } from 'node:path'
import { EDIT_BYTES } from '../limits.ts'
import { ToolError } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { withPath } from './with-path.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @throws {ToolError} if it is too large, or not UTF-8, which a replacement would damage */
export async function readText({ client, files }: Workspace, path: string, signal: AbortSignal): Promise<string> {
  const { isFile, size } = await withPath(path, client.fs.getMetadata(path, files(signal)))
  if (!isFile) throw new ToolError(`${path} is no regular file`)
  if (size > EDIT_BYTES) throw new ToolError(`${path} has ${size} bytes; files of up to ${EDIT_BYTES} can be changed`)
  const bytes = await withPath(path, client.fs.readFile(path, files(signal)))
  try {
    return decoder.decode(bytes)
  } catch {
    throw new ToolError(`${path} is no UTF-8 text: use exec to change it`)
  }
}

/** Writes a file, and creates the directories above it. */
export async function writeWithParents(
  workspace: Workspace,
  path: string,
  data: string | Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { client, files } = workspace
  await createParents(workspace, path, signal)
  await withPath(path, client.fs.writeFile(path, data, files(signal)))
}

/** Gives a file another name, and new content if there is any. It keeps its mode; a link with new content becomes a file. */
export async function moveFile(
  workspace: Workspace,
  { from, to, content }: { from: string; to: string; content: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { client, files } = workspace
  await createParents(workspace, to, signal)
  const { isSymlink } = await withPath(from, client.fs.getMetadata(from, files(signal)))
  if (content === undefined || !isSymlink) await withPath(from, client.fs.copy(from, to, files(signal)))
  if (content !== undefined) await withPath(to, client.fs.writeFile(to, content, files(signal)))
  await withPath(from, client.fs.remove(from, { ...files(signal), recursive: false }))
}

async function createParents({ client, files }: Workspace, path: string, signal: AbortSignal): Promise<void> {
  const parent = posix.dirname(path)
  if (!(await withPath(path, client.fs.exists(parent, files(signal)))))
    await withPath(path, client.fs.createDirectory(parent, files(signal)))
}

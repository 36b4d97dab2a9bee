/** Reads resources, and lists those that are known. */
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js'
import type { ReadResourceResult, Resource } from '@modelcontextprotocol/sdk/types.js'
import { messageOf } from '../../client/base/errors.ts'
import { KEPT_HEAD, KEPT_TAIL, RESOURCE_BYTES } from '../limits.ts'
import { wholeOutput } from '../runs/run-report.ts'
import { imageType } from '../tools/read-file.ts'
import type { Workspace } from '../workspace.ts'
import { parseResourceUri, runUri } from './uris.ts'
import type { ResourceName } from './uris.ts'

/** The code that the protocol has for it. */
const NOT_FOUND = -32_002

/** The output of each run. Files are not listed: there are too many. */
export const listResources = ({ runs }: Workspace): Resource[] =>
  runs.all().map(({ id, command, output }) => ({
    uri: runUri(id),
    name: id,
    title: command.length > 100 ? `${command.slice(0, 100)}…` : command,
    mimeType: 'text/plain',
    size: output.total,
  }))

/** @throws {McpError} if there is none, or it is too large */
export async function readResource(
  workspace: Workspace,
  uri: string,
  signal: AbortSignal,
): Promise<ReadResourceResult> {
  const name = nameOf(uri)
  if (name.kind === 'file') return { contents: [await readFile(workspace, { uri, path: name.path }, signal)] }
  const run = workspace.runs.all().find(({ id }) => id === name.id)
  if (run === undefined) throw notFound(uri, 'there is no such run')
  const { text } = wholeOutput(run.output, 0, KEPT_HEAD + KEPT_TAIL)
  return { contents: [{ uri, mimeType: 'text/plain', text }] }
}

/** @throws {McpError} if the URI names nothing that there could be */
export function nameOf(uri: string): ResourceName {
  const name = parseResourceUri(uri)
  if (name === undefined) throw notFound(uri, 'resources are file:///PATH and run:///RUN_ID')
  return name
}

const notFound = (uri: string, reason: string): McpError => new McpError(NOT_FOUND, reason, { uri })

type Content = ReadResourceResult['contents'][number]

async function readFile(
  { client, files }: Workspace,
  { uri, path }: { uri: string; path: string },
  signal: AbortSignal,
): Promise<Content> {
  let bytes: Uint8Array
  try {
    const { size } = await client.fs.getMetadata(path, files(signal))
    if (size > RESOURCE_BYTES)
      throw new McpError(ErrorCode.InvalidParams, `the file has ${size} bytes; ${RESOURCE_BYTES} can be read at once`)
    bytes = await client.fs.readFile(path, files(signal))
  } catch (error) {
    if (error instanceof McpError) throw error
    throw notFound(uri, messageOf(error))
  }
  const text = textOf(bytes)
  if (text !== undefined) return { uri, mimeType: 'text/plain', text }
  return { uri, mimeType: imageType(bytes) ?? 'application/octet-stream', blob: bytes.toBase64() }
}

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

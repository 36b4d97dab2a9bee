/** Reads the output of an MCP server: one message per line of stdout, and lines of stderr. */
import { OutputLostError } from '../base/errors.ts'
import type { ClientLimits } from '../base/limits.ts'
import type { RemoteProcess } from '../base/types.ts'
import { textLines } from '../transports/lines.ts'
import { stderrLines } from '../transports/stderr-lines.ts'
import type { McpMessage } from './transport.ts'

/** Characters of an invalid line shown in the error. */
const SHOWN_CHARS = 200
/** Characters of the last stderr line that are kept for the error message. */
const LAST_STDERR_CHARS = 400

/** Callbacks for the lines of a server. */
export type OutputHandlers = {
  /** A line of stdout, trimmed and not empty. */
  onLine(line: string): void
  onStderr(line: string): void
}

/** How a server ended: its exit code, and the last line of stderr that is not blank. */
export type ServerExit = { exitCode: number; lastStderr: string }

/**
 * Reads until the process has closed.
 * @throws {ProtocolError} If a line of stdout is too long. The lines before it have been delivered.
 * @throws {OutputLostError} If output is gone.
 * @throws {DisconnectedError} If the connection is lost for good.
 */
export async function readOutput(
  process: Pick<RemoteProcess, 'id' | 'events'>,
  { mcpLineBytes, stderrLine }: ClientLimits,
  { onLine, onStderr }: OutputHandlers,
): Promise<ServerExit> {
  let pending: string[] = []
  let lastStderr = ''
  let exitCode = 0
  const lines = textLines(mcpLineBytes, (line) => pending.push(line))
  const stderr = stderrLines(stderrLine, (line) => {
    if (line.trim() !== '') lastStderr = line.slice(-LAST_STDERR_CHARS)
    onStderr(line)
  })
  const deliver = async (): Promise<void> => {
    for (const line of pending) {
      onLine(line)
      // The SDK defers notifications by a microtask; without this turn the response behind would overtake them, and
      // progress be lost.
      await Promise.resolve()
    }
    pending = []
  }
  for await (const event of process.events()) {
    if (event.type === 'output' && event.stream === 'stderr') {
      stderr.push(event.bytes)
    } else if (event.type === 'output') {
      try {
        lines.push(event.bytes)
      } finally {
        // Deliver the lines before one that is too long, too.
        await deliver()
      }
    } else if (event.type === 'exited') exitCode = event.exitCode
    else if (event.type === 'lag' && event.lost)
      throw new OutputLostError(process.id, event.afterSeq, event.resumesAtSeq)
  }
  lines.end()
  await deliver()
  stderr.end()
  return { exitCode, lastStderr }
}

/**
 * Parses a line of stdout.
 * @throws {Error} If it is no JSON-RPC message.
 */
export function parseMessage(line: string): McpMessage {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    message = undefined
  }
  if (isMessage(message)) return message
  throw new Error(`the MCP server wrote a line that is no message: ${line.slice(0, SHOWN_CHARS)}`)
}

function isMessage(value: unknown): value is McpMessage {
  return typeof value === 'object' && value !== null && (value as Partial<McpMessage>).jsonrpc === '2.0'
}

/** The tools that Codex offers its model: how they are called, and what they give back. */

type CallItem =
  | { type: 'function_call'; name: string; namespace?: string; arguments: string }
  | { type: 'custom_tool_call'; name: string; input: string }

export type ToolCall = CallItem & { call_id: string }

/** What the model says to the person. It ends a turn. */
export type Message = {
  type: 'message'
  role: 'assistant'
  id: string
  content: readonly [{ type: 'output_text'; text: string }]
}

/** One answer of the model. */
export type Step = ToolCall | Message

let calls = 0

function call(item: CallItem): ToolCall {
  return { ...item, call_id: `call_${++calls}` }
}

function functionCall(name: string, args: object): ToolCall {
  return call({ type: 'function_call', name, arguments: JSON.stringify(args) })
}

/** Ends the turn. The script goes on with the next prompt, and is given an empty output. */
export function say(text: string): Message {
  return { type: 'message', role: 'assistant', id: `message_${++calls}`, content: [{ type: 'output_text', text }] }
}

/** Longer than any command here takes that is meant to be waited for. */
const PATIENCE_MS = 20_000

/** Runs a command in the login shell. It is left running when it takes longer than `yieldMs`. */
export function exec(cmd: string, { tty = false, yieldMs = PATIENCE_MS } = {}): ToolCall {
  return functionCall('exec_command', { cmd, tty, yield_time_ms: yieldMs, max_output_tokens: 20_000 })
}

/** Writes to a command that was left running, and waits for what it says; without input, only waits. */
export function writeStdin(session: number | undefined, chars: string, yieldMs = PATIENCE_MS): ToolCall {
  return functionCall('write_stdin', { session_id: session, chars, yield_time_ms: yieldMs, max_output_tokens: 20_000 })
}

export function applyPatch(...lines: string[]): ToolCall {
  return call({
    type: 'custom_tool_call',
    name: 'apply_patch',
    input: ['*** Begin Patch', ...lines, '*** End Patch', ''].join('\n'),
  })
}

/** Shows the model an image. */
export function viewImage(path: string): ToolCall {
  return functionCall('view_image', { path })
}

/** Calls a tool of an MCP server. */
export function callMcp(namespace: string, name: string, args: object): ToolCall {
  return call({ type: 'function_call', namespace, name, arguments: JSON.stringify(args) })
}

/** What a tool of an MCP server said. Codex heads it with the time; up to 0.150 it gives JSON, then the text itself. */
export function readMcp({ whole }: ToolOutput): string {
  const [, said] = /^Wall time: [\d.]+ seconds\nOutput:\n?([^]*)$/.exec(whole) ?? []
  if (said === undefined) throw new Error(`no result of a tool: ${whole}`)
  return said.startsWith('[{"type":"text"') ? escapeControlChars(JSON.parse(said)) : said
}

export type ToolOutput = {
  /** All of it, with the lines that Codex puts on top. */
  whole: string
  /** What the command printed. */
  text: string
  /** Unless the command still runs. */
  exitCode: number | undefined
  /** If the command still runs. */
  session: number | undefined
}

export function readOutput(output: unknown): ToolOutput {
  const whole = escapeControlChars(output)
  const denied = readDenied(whole)
  if (denied !== undefined) return denied
  const [head = '', ...rest] = whole.split(/^Output:\n/m)
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(head)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  return {
    whole,
    text: rest.join('Output:\n'),
    exitCode: number(/^Process exited with code (-?\d+)$/m),
    session: number(/^Process running with session ID (\d+)$/m),
  }
}

/**
 * Up to 0.121 a command that fails in a sandbox, and speaks of a read-only file system, is an error of the tool, which
 * holds the output as Rust prints it.
 */
function readDenied(whole: string): ToolOutput | undefined {
  const [, message, code] = /SandboxDenied \{ message: ("(?:[^"\\]|\\.)*"), .*?exit_code: (-?\d+)/s.exec(whole) ?? []
  if (message === undefined) return undefined
  return { whole, text: JSON.parse(message) as string, exitCode: Number(code), session: undefined }
}

/** A tool's output is a string, or a list of pieces of content. */
function escapeControlChars(output: unknown): string {
  if (typeof output === 'string') return output
  if (!Array.isArray(output)) return JSON.stringify(output)
  return output.map((piece: { text?: string }) => piece.text ?? '').join('')
}

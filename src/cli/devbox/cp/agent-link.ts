/** The copy agent on the devbox: this program there, which the server starts. See src/host/copy. */
import { messageOf } from '../../../client/base/errors.ts'
import { unlessAborted } from '../../../client/session/abort.ts'
import type { ExecClient, RemoteProcess } from '../../../client/base/types.ts'
import { decodeMessages, messageSink } from '../../../host/copy/frames.ts'
import type { MessageSink } from '../../../host/copy/frames.ts'
import { CopyError } from '../../../host/copy/messages.ts'
import type { Message } from '../../../host/copy/messages.ts'
import { AGENT_ALIVE_MS, AGENT_END_MS, AGENT_GRACE_MS } from '../base/limits.ts'

/** A running copy agent. */
export type AgentLink = AsyncDisposable & {
  readonly sink: MessageSink
  /**
   * What it sends, until it exits.
   * @throws {CopyError} with its own words if it fails
   * @throws {DisconnectedError} if the connection is lost for good
   */
  readonly messages: AsyncGenerator<Message, void, undefined>
}

/** Whether the devbox can run the agent. */
export const hasAgent = (client: ExecClient): boolean => client.extensions.has('copyAgent')

/**
 * Starts the agent. Once `signal` is aborted, it is asked to remove what is incomplete; disposing waits for that.
 * @throws {RpcError} if the server cannot start it
 */
export async function startAgent(client: ExecClient, signal: AbortSignal): Promise<AgentLink> {
  const process = await client.start({ argv: ['copy'], agent: 'copy', stdin: 'pipe', cwd: '/' }, { signal })
  const stdin = process.stdin.getWriter()
  // Writes report its errors.
  stdin.closed.catch(() => {})
  const sink = messageSink((bytes) => orAborted(stdin.write(bytes), signal))
  const alive = setInterval(() => sink.sendIfIdle({ type: 'alive' }), AGENT_ALIVE_MS)
  let isOver = false
  let ending: Promise<unknown> | undefined
  const askToEnd = (): void => {
    ending ??= process.terminate({ graceMs: AGENT_GRACE_MS }).catch(() => {})
  }
  signal.addEventListener('abort', askToEnd, { once: true })
  return {
    sink,
    messages: decodeMessages(stdoutOf(process, signal, () => (isOver = true))),
    async [Symbol.asyncDispose]() {
      clearInterval(alive)
      signal.removeEventListener('abort', askToEnd)
      if (isOver) return
      askToEnd()
      // A connection that is lost may not come back: the agent then finds out by itself.
      if (client.state === 'connected')
        await process.wait({ signal: AbortSignal.timeout(AGENT_END_MS) }).catch(() => {})
    },
  }
}

/** Yields what it writes to stdout; throws what it wrote to stderr if it fails. */
async function* stdoutOf(
  process: RemoteProcess,
  signal: AbortSignal,
  ended: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder()
  let words = ''
  let exitCode = 0
  for await (const event of process.events({ signal })) {
    if (event.type === 'output' && event.stream === 'stdout') yield event.bytes
    else if (event.type === 'output') words = (words + decoder.decode(event.bytes)).slice(-MAX_WORDS)
    else if (event.type === 'exited') {
      ended()
      ;({ exitCode } = event)
    } else if (event.type === 'lag' && event.lost) throw new CopyError('a part of the copy was lost on its way')
  }
  const last = words.trim().split('\n').at(-1)
  if (exitCode !== 0)
    throw new CopyError(`the copy on the devbox ended with exit code ${exitCode}${last && `: ${last}`}`)
}

/** Characters of its stderr: enough for the last line. */
const MAX_WORDS = 4096

/** @throws the signal's reason as soon as it is aborted */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await unlessAborted(work, signal)
  } catch (error) {
    throw signal.aborted ? signal.reason : new CopyError(`the copy on the devbox has ended: ${messageOf(error)}`)
  }
}

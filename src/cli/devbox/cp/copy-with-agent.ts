/** Copies by streams of messages between this program and the agent on the devbox. */
import type { ExecClient } from '../../../client/base/types.ts'
import { COPY_VERSION, CopyError } from '../../../host/copy/messages.ts'
import type { CopyOptions, CopyRequest, Hello, Message } from '../../../host/copy/messages.ts'
import { readSources } from '../../../host/copy/read/read-sources.ts'
import { DestinationWriter } from '../../../host/copy/write/write-destination.ts'
import { startAgent } from './agent-link.ts'
import type { AgentLink } from './agent-link.ts'
import type { CopyDisplay } from './display.ts'

/** One copy: sources of one side to a destination. */
export type AgentCopy = {
  client: ExecClient
  sources: readonly string[]
  destination: string
  options: CopyOptions
  display: CopyDisplay
  signal: AbortSignal
}

type Role = CopyRequest['role']

const requestOf = ({ sources, destination, options }: AgentCopy, role: Role): CopyRequest => ({
  type: 'request',
  version: COPY_VERSION,
  role,
  sources,
  glob: true,
  destination,
  options,
})

/**
 * Copies local sources to the devbox.
 * @throws {CopyError} if the whole copy failed, DisconnectedError, or the signal's reason
 */
export async function upload(copy: AgentCopy): Promise<void> {
  const { client, sources, options, display, signal } = copy
  await using link = await startAgent(client, signal)
  await request(link, requestOf(copy, 'write'))
  const hello = helloOf(link)
  // The agent's failure ends the reading, too.
  const failed = new AbortController()
  const answered = hello.then(() => untilDone(link, display))
  answered.catch((error: unknown) => failed.abort(error))
  try {
    for await (const message of readSources({ sources, glob: false, options }, hello, {
      signal: AbortSignal.any([signal, failed.signal]),
      isBlocking: false,
    })) {
      if (!display.take(message)) await link.sink.send(message)
    }
    await link.sink.flush()
  } catch (error) {
    signal.throwIfAborted()
    // Why the agent took no more.
    await answered
    throw error
  }
  await answered
}

/**
 * Copies sources on the devbox to this machine.
 * @throws {CopyError} if the whole copy failed, DisconnectedError, or the signal's reason
 */
export async function download(copy: AgentCopy): Promise<void> {
  const { client, destination, options, display, signal } = copy
  const writer = new DestinationWriter(destination, options, display)
  const abandon = (): void => writer.abandon()
  signal.addEventListener('abort', abandon, { once: true })
  try {
    await using link = await startAgent(client, signal)
    await request(link, requestOf(copy, 'read'), writer.hello())
    await receive(link, writer, display, signal)
  } catch (error) {
    writer.abandon()
    throw error
  } finally {
    signal.removeEventListener('abort', abandon)
  }
}

async function receive(
  { messages }: AgentLink,
  writer: DestinationWriter,
  display: CopyDisplay,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of messages) {
    signal.throwIfAborted()
    if (message.type === 'fatal') throw new CopyError(message.text)
    if (!display.take(message)) await writer.take(message)
    signal.throwIfAborted()
    if (message.type === 'finish') return
  }
  throw new CopyError('the copy on the devbox ended early')
}

/**
 * Copies on the devbox; only reports come here.
 * @throws {CopyError} if the whole copy failed, DisconnectedError, or the signal's reason
 */
export async function copyThere(copy: AgentCopy): Promise<void> {
  await using link = await startAgent(copy.client, copy.signal)
  await request(link, requestOf(copy, 'both'))
  await untilDone(link, copy.display)
}

async function request({ sink }: AgentLink, ...messages: Message[]): Promise<void> {
  for (const message of messages) await sink.send(message)
  await sink.flush()
}

async function helloOf({ messages }: AgentLink): Promise<Hello> {
  const { value } = await messages.next()
  if (value?.type === 'fatal') throw new CopyError(value.text)
  if (value?.type !== 'hello' || value.version !== COPY_VERSION)
    throw new CopyError('the copy agent on the devbox is of another version')
  return value
}

async function untilDone({ messages }: AgentLink, display: CopyDisplay): Promise<void> {
  for (;;) {
    const { value, done } = await messages.next()
    if (done === true) throw new CopyError('the copy on the devbox ended early')
    if (value.type === 'done') return
    if (value.type === 'fatal') throw new CopyError(value.text)
    display.take(value)
  }
}

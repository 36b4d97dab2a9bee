/**
 * The copy agent: this program, started by the server on behalf of `exec-server cp`, as the end of the copy that is on
 * the devbox. It takes messages on stdin and sends messages on stdout; see messages.ts.
 */
import { writeSync } from 'node:fs'
import process from 'node:process'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { reasonOf } from '../../../base/os-error-text.ts'
import { retryOnEagain, writeAll } from '../../../base/write-all.ts'
import { writeQueue } from '../../../base/write-queue.ts'
import { COPY_IDLE_MS, COPY_PROGRESS_MS, COPY_TURN_MS, COPY_UNWRITTEN_BYTES } from '../../limits.ts'
import { decodeMessages, messageSink } from '../frames.ts'
import { COPY_VERSION, CopyError } from '../messages.ts'
import type { CopyRequest, Message, Report } from '../messages.ts'
import { Outbox } from './outbox.ts'
import { readSources } from '../read/read-sources.ts'
import { DestinationWriter } from '../write/write-destination.ts'

type Input = AsyncGenerator<Message, void, undefined>

const stdout = writeQueue(1, { room: COPY_UNWRITTEN_BYTES })
const sink = messageSink(async (bytes) => stdout.push(bytes))
const outbox = new Outbox(sink)

/** Runs the agent, and exits: 0 when its part is done. */
export async function runCopyAgent(): Promise<void> {
  process.title = 'exec-server'
  const input = decodeMessages(untilIdle(process.stdin))
  let exitCode = 0
  try {
    await serve(input)
  } catch (error) {
    exitCode = 1
    outbox.push({ type: 'fatal', text: reasonOf(error) })
  }
  try {
    await outbox.flush()
    await stdout.flush()
  } catch {
    // The server has gone.
  }
  process.exit(exitCode)
}

async function serve(input: Input): Promise<void> {
  const request = await next(input, 'request')
  if (request.version !== COPY_VERSION)
    throw new CopyError(`this devbox copies by version ${COPY_VERSION} of the protocol`)
  if (request.role === 'read') await readRole(request, input)
  else await writeRole(request, input)
}

async function next<Type extends Message['type']>(input: Input, type: Type): Promise<Extract<Message, { type: Type }>> {
  const { value } = await input.next()
  if (value?.type !== type) throw new CopyError(`the other end did not send its ${type}`)
  return value as Extract<Message, { type: Type }>
}

/** Reads for a writing end over there. May block: it has nothing else to do, and leaves nothing behind when killed. */
async function readRole(request: CopyRequest, input: Input): Promise<void> {
  const hello = await next(input, 'hello')
  const direct = messageSink(async (bytes) => writeAll(1, bytes, writeToPipe))
  const mode = { signal: new AbortController().signal, isBlocking: true }
  for await (const message of readSources(request, hello, mode)) await direct.send(message)
  await direct.flush()
}

const writeToPipe = (fd: number, bytes: Uint8Array, at: number): number => retryOnEagain(() => writeSync(fd, bytes, at))

async function writeRole(request: CopyRequest, input: Input): Promise<void> {
  const events = {
    report: (report: Report) => outbox.push(report),
    copied: (source: string, destination: string) => {
      if (request.options.verbose) outbox.push({ type: 'copied', source, destination })
    },
  }
  const writer = new DestinationWriter(request.destination, request.options, events, 'blocking')
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.once(signal, () => {
      writer.abandon()
      // A normal exit would wait for a write without a reader.
      process.kill(process.pid, 'SIGKILL')
    })
  try {
    if (request.role === 'both') await copyHere(request, input, writer)
    else await writeInput(input, writer)
  } catch (error) {
    writer.abandon()
    throw error
  }
  outbox.push({ type: 'done' })
}

async function writeInput(input: Input, writer: DestinationWriter): Promise<void> {
  outbox.push(writer.hello())
  for await (const message of input) {
    await writer.take(message)
    await outbox.room()
    if (message.type === 'finish') return
  }
  throw new CopyError('the client has gone')
}

/** Both ends are here: the messages need not be encoded. */
async function copyHere(request: CopyRequest, input: Input, writer: DestinationWriter): Promise<void> {
  const gone = new AbortController()
  void watchInput(input).catch((error: unknown) => gone.abort(error))
  const state = { file: '', bytes: 0, files: 0 }
  let [last, turned] = [0, 0]
  for await (const message of readSources(request, writer.hello(), { signal: gone.signal, isBlocking: true })) {
    // Else signals, and the end of the input, would not be noticed.
    if (Date.now() - turned > COPY_TURN_MS) {
      await nextTurn()
      turned = Date.now()
    }
    const entry = message.type === 'small' ? message.entry : message
    if (entry.type === 'entry') {
      state.file = entry.path === '' ? entry.source : entry.path
      if (entry.kind === 'file') state.files++
    }
    if (message.type === 'data' || message.type === 'small') state.bytes += message.bytes.length
    if (message.type === 'hole') state.bytes += message.length
    if (message.type === 'report' || message.type === 'totals') outbox.push(message)
    else await writer.take(message)
    await outbox.room()
    if (!request.options.counts || Date.now() - last < COPY_PROGRESS_MS) continue
    last = Date.now()
    outbox.push({ type: 'progress', ...state })
  }
}

async function watchInput(input: Input): Promise<void> {
  for await (const _ of input);
  throw new CopyError('the client has gone')
}

/** Ends with an error when nothing has come for too long: the client cannot come back any more. */
async function* untilIdle(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = stream[Symbol.asyncIterator]()
  for (;;) {
    const idle = Promise.withResolvers<never>()
    const timer = setTimeout(() => idle.reject(new CopyError('the client has gone')), COPY_IDLE_MS)
    const { value, done } = await Promise.race([chunks.next(), idle.promise]).finally(() => clearTimeout(timer))
    if (done === true) return
    yield value
  }
}

/** The reading end of a copy: yields what is to be created, in order. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { COPY_AHEAD_BYTES, COPY_AHEAD_OVERHEAD, COPY_AHEAD_STEPS } from '../../limits.ts'
import { countTotals } from './count-totals.ts'
import { machineId } from '../machine.ts'
import type { CopyRequest, Hello, Message } from '../messages.ts'
import { expandPattern, isPattern } from '../patterns.ts'
import type { ReadMode } from './read-file.ts'
import { isAround, SourceWalker, statOf } from './walk-sources.ts'
import type { Step, Walk } from './walk-sources.ts'

type Messages = AsyncGenerator<Message, void, undefined>

/** What is read. */
export type ReadOptions = Pick<CopyRequest, 'sources' | 'glob' | 'options'>

/**
 * Yields everything below the sources. What cannot be read is reported, and the rest follows. While `hello` is awaited,
 * the beginning is read ahead.
 * @throws the signal's reason, or that of `hello`
 */
export async function* readSources(request: ReadOptions, hello: Hello | Promise<Hello>, mode: ReadMode): Messages {
  const sources = request.sources.flatMap((source) => expand(source, request.glob))
  const totals = request.options.counts ? countTotals(sources, request.options, mode.signal) : undefined
  const begun = await begin(() => new SourceWalker(request.options, mode), sources, hello)
  yield { type: 'roots', machine: machineId(), count: sources.length }
  for await (const message of joined(begun)) {
    const counted = totals?.news()
    if (counted !== undefined) yield counted
    yield message
  }
  yield { type: 'finish' }
}

type Result = IteratorResult<Step, void>

/** A walk, what it has yielded, and then its next result if that is known. */
type Begun = { walk: Walk; messages: readonly Message[]; next?: Result | undefined }

/** Reads ahead until it is known where the copy goes. What leads there is read anew. */
async function begin(
  create: () => SourceWalker,
  sources: readonly string[],
  hello: Hello | Promise<Hello>,
): Promise<Begun> {
  const walker = create()
  const walk = walker.walk(sources)
  try {
    const ahead = hello instanceof Promise ? await readAhead(walk, hello) : { messages: [] }
    const destination = await hello
    if (!ahead.messages.some((message) => isDirectoryAround(destination, message))) {
      walker.setDestination(destination)
      return { walk, ...ahead }
    }
  } catch (error) {
    walk.return()
    throw error
  }
  walk.return()
  return begin(create, sources, await hello)
}

const isDirectoryAround = (destination: Hello, message: Message): boolean =>
  message.type === 'entry' && message.kind === 'directory' && isAround(destination, message.id)

async function readAhead(walk: Walk, until: Promise<unknown>): Promise<Omit<Begun, 'walk'>> {
  let isOver = false
  const end = (): boolean => (isOver = true)
  void until.then(end, end)
  const messages: Message[] = []
  for (let bytes = 0; !isOver && bytes < COPY_AHEAD_BYTES; bytes += COPY_AHEAD_OVERHEAD) {
    const next = walk.next()
    // A stream is read when its time has come.
    if (next.done === true || !('type' in next.value)) return { messages, next }
    messages.push(next.value)
    if (next.value.type === 'small') bytes += next.value.bytes.length
    if (messages.length % COPY_AHEAD_STEPS === 0) await nextTurn()
  }
  return { messages }
}

/** Yields all messages of a walk. An error of a stream is thrown where the walk has yielded it. */
async function* joined({ walk, messages, next: first = walk.next() }: Begun): Messages {
  try {
    yield* messages
    for (let next = first; next.done !== true; ) {
      const { value: step } = next
      let failure: { error: unknown } | undefined
      if ('type' in step) yield step
      else {
        try {
          yield* step
        } catch (error) {
          failure = { error }
        }
      }
      next = failure === undefined ? walk.next() : walk.throw(failure.error)
    }
  } finally {
    walk.return()
  }
}

function expand(source: string, glob: boolean): string[] {
  if (!glob || !isPattern(source) || statOf(source, false) !== undefined) return [source]
  const found = expandPattern(source)
  return found.length === 0 ? [source] : found
}

/** What the kinds of work share: processes that are started, fed, watched and found whole. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { RpcFailure } from '../../test/support/client.ts'
import type { Data } from './data.ts'
import type { Followed, Streams } from './followed.ts'
import type { Ledger } from './ledger.ts'
import type { Random } from './random.ts'
import { AlreadyReported } from './requests.ts'
import { CutOff } from './session.ts'
import type { Session } from './session.ts'
import type { Fixture } from './web-fixture.ts'

export type Work = {
  session: Session
  ledger: Ledger
  random: Random
  data: Data
  web: Fixture
  /** Of this lane alone. */
  folder: string
}

export type Task = { name: string; weight: number; run(work: Work): Promise<void> }

/** No wait is nearly as long: a process that takes longer has been forgotten. */
const WAIT_MS = 240_000

export const uri = (path: string): string => pathToFileURL(path).href
export const PATH = '/usr/local/bin:/usr/bin:/bin'

export type StartOptions = { tty?: boolean; pipeStdin?: boolean; mayMiss?: boolean; sandbox?: object; cwd?: string }

export async function start(
  work: Work,
  argv: readonly string[],
  streams: Streams,
  options: StartOptions = {},
): Promise<Followed> {
  const { session } = work
  const { tty = false, pipeStdin = false, mayMiss = false, sandbox = null, cwd = work.data.folder } = options
  const processId = session.unique('p')
  const followed = session.follow({ processId, streams, mayMiss })
  const env = { PATH, ...session.endpoint.mark }
  const params = { processId, argv, cwd: uri(cwd), env, tty, pipeStdin, arg0: null, sandbox }
  for (let wasCut = false; ; ) {
    await session.ready()
    try {
      await session.request('process/start', params)
      break
    } catch (error) {
      // The one before came through, though its answer did not.
      if (wasCut && error instanceof RpcFailure && error.message.includes('already exists')) break
      if (!(error instanceof CutOff)) throw error
      wasCut = true
    }
  }
  followed.isStarted = true
  return followed
}

/** A script, whose arguments begin with $0. */
export const shell = (script: string, ...args: string[]): string[] => ['/bin/sh', '-c', script, ...args]

/** Waits for the end. Everything must have come, and this exit code. */
export async function expectEnd(work: Work, followed: Followed, code: number, isWhole = true): Promise<void> {
  const found = await within(work, followed.closed, `the end of process ${followed.processId}`)
  if (found !== code) work.ledger.fault(`process ${followed.processId} exited with ${found} instead of ${code}`)
  followed.finish(isWhole)
  work.session.unfollow(followed)
}

export async function within<T>({ ledger }: Pick<Work, 'ledger'>, promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    ledger.fault(`${what} did not come within ${WAIT_MS} ms`)
    late.reject(new AlreadyReported())
  }, WAIT_MS)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** Settles with what `probe` finds, which is called at every event of the process. */
export function until<T>(work: Work, followed: Followed, probe: () => T | undefined, what: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const look = (): void => {
    const found = probe()
    if (found !== undefined) resolve(found)
    else if (followed.isClosed) reject(new Error(`process ${followed.processId} ended before ${what}`))
  }
  const unwatch = followed.watch(look)
  followed.closed.catch(reject)
  look()
  return within(work, promise, `${what} of process ${followed.processId}`).finally(unwatch)
}

/** Waits until the text of a stream matches. */
export const untilText = (
  work: Work,
  followed: Followed,
  pattern: RegExp,
  stream: 'stdout' | 'pty' = 'stdout',
): Promise<RegExpExecArray> =>
  until(work, followed, () => pattern.exec(followed.text(stream)) ?? undefined, String(pattern))

export async function terminate({ session }: Work, { processId }: Followed): Promise<boolean> {
  const { running } = await session.call('process/terminate', { processId })
  return running
}

/** Runs, and sees to it that the process ends whatever goes wrong. */
export async function endingWith<T>(work: Work, followed: Followed, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (!followed.isClosed && !work.session.isOver) await terminate(work, followed).catch(() => {})
    throw error
  }
}

/** Writes sent ahead of their answers. */
const WRITES_AHEAD = 4

/** Writes to a process's stdin, in pieces, each exactly once and in order, also when the connection is cut meanwhile. */
export async function feed(work: Work, { processId }: Followed, bytes: Buffer): Promise<void> {
  const { random, session } = work
  for (let at = 0; at < bytes.length; ) {
    const writes: object[] = []
    while (writes.length < WRITES_AHEAD && at < bytes.length) {
      const piece = bytes.subarray(at, at + random.size(1, 128 * 1024))
      at += piece.length
      writes.push({ processId, chunk: piece.toString('base64'), writeId: session.unique('w') })
    }
    await session.ready()
    const answers = await Promise.allSettled(writes.map((params) => session.request('process/write', params)))
    const failed = answers.find((answer) => answer.status === 'rejected')
    if (failed !== undefined && !(failed.reason instanceof CutOff)) throw failed.reason
    const statuses: string[] = []
    // After a cut nobody knows which of them came through; the server does, by their ids.
    if (failed !== undefined)
      for (const params of writes) statuses.push((await session.call('process/write', params)).status)
    else for (const answer of answers) if (answer.status === 'fulfilled') statuses.push(answer.value.status)
    const refused = statuses.find((status) => status !== 'accepted')
    if (refused !== undefined) throw new Error(`a write to process ${processId} was answered with ${refused}`)
  }
}

/**
 * For what belongs to a connection: begins anew after each cut, in another place, since what the one before had asked
 * for may still be under way.
 */
export async function anew(work: Work, attempt: (folder: string) => Promise<void>): Promise<void> {
  const { session } = work
  const folders: string[] = []
  try {
    for (;;) {
      await session.ready()
      const folder = join(work.folder, session.unique('f'))
      folders.push(folder)
      try {
        return await attempt(folder)
      } catch (error) {
        if (!(error instanceof CutOff)) throw error
      }
    }
  } finally {
    // Later than what is still under way.
    setTimeout(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })), REMOVE_MS).unref()
  }
}

const REMOVE_MS = 5000

export function expectBytes({ ledger }: Work, what: string, found: Buffer, expected: Buffer): void {
  ledger.expectedBytes += expected.length
  ledger.receivedBytes += found.length
  if (found.equals(expected)) return
  const wrong = Math.max(1, Math.abs(found.length - expected.length))
  ledger.wrong(wrong, `${what}: ${found.length} bytes of ${expected.length}`)
}

export function expectRefusal({ ledger }: Work, what: string, error: unknown, code: number): void {
  if (!(error instanceof RpcFailure)) throw error
  if (error.code !== code) ledger.fault(`${what} was refused with ${error.code} (${error.message}) instead of ${code}`)
}

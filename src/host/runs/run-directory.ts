/** The directory of `--log-dir`: what detached runs write, within a quota, and what earlier servers have left. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import type { RunStore } from '../../core/base/run-store.ts'
import type { ListedProcess } from '../../protocol/schemas/process.ts'
import { openOwnDirectory } from './own-directory.ts'
import { RunLog, runFile } from './run-log.ts'
import type { LogBounds } from './run-log.ts'

/** A store that tells of failures of the disk. */
export type RunDirectory = RunStore & {
  onFault(call: (fault: unknown) => void): void
  /** Resolves when everything that was given to it is in the files. */
  flush(): Promise<void>
}

/** Bytes for all runs. */
export type DirectoryBounds = LogBounds & { quota: number }

const MiB = 1024 * 1024

/** With a quota of `quota` bytes: segments small enough that at least eight of them fit. */
export const directoryBounds = (quota: number): DirectoryBounds => ({
  quota,
  segment: Math.min(4 * MiB, quota / 8),
  behind: 4 * MiB,
  caughtUp: MiB,
})

/** What an earlier server has written of a run. */
const StoredRun = v.object({
  run: v.pipe(v.number(), v.integer(), v.minValue(1)),
  name: v.nullable(v.string()),
  client: v.string(),
  session: v.string(),
  processId: v.string(),
  argv: v.array(v.string()),
  cwd: v.string(),
  tty: v.boolean(),
  exitCode: v.nullable(v.number()),
  startedAtMs: v.number(),
  exitedAtMs: v.nullable(v.number()),
})

/**
 * Opens the directory, and makes it if it is not there.
 * @throws Error that says why it cannot be used
 */
export async function openRunDirectory(path: string, bounds: DirectoryBounds): Promise<RunDirectory> {
  openOwnDirectory(path, { isPrivate: false })
  let tell: (fault: unknown) => void = () => {}
  const report = (fault: unknown): void => tell(fault)
  const logs = new Map<number, RunLog>()
  /** Runs that are written to. */
  const open = new Set<number>()
  let total = 0

  const makeRoom = (): void => {
    const inTurn = [...logs].sort(([one], [other]) => Number(open.has(one)) - Number(open.has(other)) || one - other)
    for (const [number, log] of inTurn) {
      for (let freed = 1; freed > 0 && total > bounds.quota; ) total -= freed = log.dropSegment(!open.has(number))
      if (total <= bounds.quota) return
    }
  }
  const written = (bytes: number): void => {
    total += bytes
    if (total > bounds.quota) makeRoom()
  }
  const logOf = (number: number, onCaughtUp: () => void): RunLog => {
    const log = new RunLog(join(path, String(number)), bounds, { written, report, onCaughtUp })
    logs.set(number, log)
    return log
  }

  const earlier: ListedProcess[] = []
  for (const number of runNumbers(path)) {
    const run = storedRun(join(path, String(number)))
    if (run === undefined) continue
    earlier.push(run)
    total += await logOf(number, () => {}).load()
  }
  makeRoom()

  return {
    earlier,
    onFault: (call) => (tell = call),
    flush: async () => void (await Promise.all([...logs.values()].map((log) => log.flush()))),
    create(run, onCaughtUp) {
      const log = logOf(run.run, onCaughtUp)
      open.add(run.run)
      try {
        rmSync(log.directory, { recursive: true, force: true })
        mkdirSync(log.directory, { mode: 0o700 })
        writeFileSync(runFile(log.directory), JSON.stringify(run), { mode: 0o600 })
      } catch (fault) {
        report(fault)
      }
      return {
        write: (chunk) => log.write(chunk),
        get isBehind() {
          return log.isBehind
        },
        end: (ended) => {
          open.delete(ended.run)
          log.end(ended)
        },
      }
    },
    read: async (number, range) => logs.get(number)?.read(range),
    remove(number) {
      const log = logs.get(number)
      if (log === undefined) return
      logs.delete(number)
      open.delete(number)
      total -= log.bytes
      log.remove()
    },
  }
}

const runNumbers = (path: string): number[] =>
  readdirSync(path)
    .filter((name) => /^[1-9]\d{0,14}$/.test(name))
    .map(Number)
    .sort((one, other) => one - other)

/** What is known of a run; undefined if its file is not a server's. It cannot run any more. */
function storedRun(directory: string): ListedProcess | undefined {
  try {
    const run = v.parse(StoredRun, JSON.parse(readFileSync(runFile(directory), 'utf8')))
    return { ...run, detached: true, attached: true, pid: null, state: 'closed' }
  } catch {
    return undefined
  }
}

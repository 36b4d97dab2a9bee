/** The directory of `--record`: the recordings of terminals, within a quota. The oldest ended ones give way. */
import { lstatSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openOwnDirectory } from '../runs/own-directory.ts'
import type { Recorded } from './asciicast.ts'
import { Recording } from './recording.ts'
import type { RecordingBounds } from './recording.ts'

/** `quota`: bytes of all recordings together. */
export type RecordingsBounds = RecordingBounds & { quota: number }

const MiB = 1024 * 1024

export const recordingsBounds = (quota: number): RecordingsBounds => ({ quota, behind: 4 * MiB, caughtUp: MiB })

/** Kept free for the mark of each running recording that says why it stopped. */
const MARK_BYTES = 256

const SUFFIX = '.cast'

/** The recordings of a server. */
export type Recordings = {
  /** Begins one. `onCaughtUp` is called when a terminal that was held back may go on. */
  begin(recorded: Recorded, onCaughtUp: () => void): Recording
  /** Sets what is called with the file's name and the reason when a recording is given up. */
  onStopped(call: (file: string, reason: string) => void): void
  /** Settles when all that has come so far is written, and what had to go is removed. */
  settled(): Promise<unknown>
}

/**
 * Opens the directory, and makes it if it is not there.
 * @throws Error that says why it cannot be used
 */
export function openRecordings(directory: string, bounds: RecordingsBounds): Recordings {
  openOwnDirectory(directory, { isPrivate: true })
  /** Bytes by path, of ended ones, the oldest first, and of running ones. */
  const ended = earlier(directory)
  const running = new Map<Recording, number>()
  const removals = new Set<Promise<void>>()
  let total = ended.values().reduce((sum, bytes) => sum + bytes, 0)
  let count = 0
  let tell: (file: string, reason: string) => void = () => {}

  const makeRoom = (bytes: number): boolean => {
    const quota = bounds.quota - running.size * MARK_BYTES
    for (const [path, freed] of ended) {
      if (total + bytes <= quota) return true
      ended.delete(path)
      total -= freed
      const removal = rm(path, { force: true }).catch((error: unknown) => tell(basename(path), String(error)))
      removals.add(removal)
      void removal.finally(() => removals.delete(removal))
    }
    return total + bytes <= quota
  }
  makeRoom(0)

  return {
    onStopped: (call) => (tell = call),
    settled: () => Promise.all([...removals, ...running.keys().map((recording) => recording.settled)]),
    begin(recorded, onCaughtUp) {
      const time = new Date(recorded.startedAtMs).toISOString().replaceAll(/[-:.]/g, '')
      const path = join(directory, `${time}-${String(++count).padStart(6, '0')}${SUFFIX}`)
      const recording = new Recording(path, recorded, bounds, {
        onCaughtUp,
        take: (bytes) => {
          if (!makeRoom(bytes)) return false
          total += bytes
          running.set(recording, (running.get(recording) ?? 0) + bytes)
          return true
        },
        stopped: (reason) => tell(basename(path), reason),
        closed: () => {
          const bytes = running.get(recording)
          running.delete(recording)
          if (bytes !== undefined) ended.set(path, bytes)
        },
      })
      running.set(recording, 0)
      return recording
    },
  }
}

/** Recordings of earlier servers. Their names begin with their time. */
function earlier(directory: string): Map<string, number> {
  const paths = readdirSync(directory)
    .filter((name) => name.endsWith(SUFFIX))
    .sort()
    .map((name) => join(directory, name))
  return new Map(
    paths.flatMap((path): [string, number][] => {
      const info = lstatSync(path, { throwIfNoEntry: false })
      return info?.isFile() === true ? [[path, info.size]] : []
    }),
  )
}

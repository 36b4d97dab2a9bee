/** Starts a command on a terminal that is recorded. */
import type { Child, ChildEvents, SpawnSpec } from '../../core/base/host.ts'
import type { Recording } from './recording.ts'
import type { Recordings } from './recordings.ts'

/** The size of a terminal unless its client gives one. */
const USUAL = { rows: 24, columns: 80 }

/**
 * Starts it with `start`. Its output is recorded as it is read, and the terminal is held back while the recording is
 * behind.
 */
export async function startRecorded(
  spec: SpawnSpec,
  events: ChildEvents,
  recordings: Recordings,
  start: (events: ChildEvents) => Promise<Child>,
): Promise<Child> {
  let recording: Recording | undefined
  const child = await start({
    output: (stream, bytes) => {
      recording?.output(bytes)
      events.output(stream, bytes)
      if (recording?.isBehind === true) child.pause()
    },
    exited: (code) => events.exited(code),
    ended: () => {
      recording?.end()
      events.ended()
    },
    stdinMoved: () => events.stdinMoved(),
  })
  let isPaused = false
  const ofTerminal = { argv: spec.argv, size: spec.terminalSize ?? USUAL, startedAtMs: Date.now() }
  const own = recordings.begin(ofTerminal, () => isPaused || child.resume())
  recording = own
  return {
    ...child,
    resize: (size) => {
      child.resize?.(size)
      own.resized(size)
    },
    pause: () => {
      isPaused = true
      child.pause()
    },
    resume: () => {
      isPaused = false
      if (!own.isBehind) child.resume()
    },
  }
}

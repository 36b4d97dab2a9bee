/**
 * Backpressure for response bodies: by acknowledgements where the server supports them, otherwise by pausing the
 * connection.
 */
import { Method } from '../../protocol/wire/methods.ts'
import type { Caller } from '../session/rpc-client.ts'
import type { ClientLimits } from '../base/limits.ts'

/** The state of a body, in bytes and sequence numbers. */
export type Progress = {
  /** Bytes queued for the reader. */
  queued: number
  /** The last delta that was read, and the bytes read so far. */
  seq: number
  taken: number
  /** Whether no more data will come. */
  isOver: boolean
}

/** Call after data arrived or was read, and at the end. */
export type Pace = (progress: Progress) => void

/** Acknowledge after this many deltas, however small: the server limits their number, too. */
const ACKNOWLEDGED_PARTS = 128

/** Sends acknowledgements. At most one is in flight, so as not to flood the server. */
export function acknowledging(caller: Caller, requestId: string, window: number): Pace {
  const { connection } = caller
  let told: Pick<Progress, 'seq' | 'taken'> = { seq: 0, taken: 0 }
  let isTelling = false
  let latest: Progress
  return function pace(progress) {
    latest = progress
    const { seq, taken, isOver } = progress
    if (isOver || isTelling || (taken - told.taken < window / 4 && seq - told.seq < ACKNOWLEDGED_PARTS)) return
    told = { seq, taken }
    isTelling = true
    const done = (): void => {
      isTelling = false
      pace(latest)
    }
    caller.call(Method.HttpAcknowledge, { requestId, seq }, { urgent: true, connection }).then(done, done)
  }
}

/**
 * Pauses the connection instead. A body is behind at a quarter of its share of the queue limit, and has caught up at an
 * eighth.
 */
export function holding(caller: Caller, { httpQueuedTotal }: ClientLimits, bodies: () => number): Pace {
  const holder = {}
  let isBehind = false
  let takenBefore = 0
  return ({ queued, taken, isOver }) => {
    const share = httpQueuedTotal / Math.max(1, bodies())
    const wasBehind = isBehind
    isBehind = !isOver && queued > (wasBehind ? share / 8 : share / 4)
    // Only reading counts as progress; data that still arrives must not reset the timeout.
    if (isBehind ? !wasBehind || taken > takenBefore : wasBehind) caller.holdInput(holder, isBehind)
    takenBefore = taken
  }
}

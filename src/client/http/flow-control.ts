/** How a server is kept from sending more of a response body than its reader takes: told by acknowledgements, or else not read. */
import { Method } from '../../protocol/wire/methods.ts'
import type { Caller } from '../session/rpc-client.ts'
import type { ClientLimits } from '../base/limits.ts'

export type Progress = {
  /** Bytes that wait for the reader. */
  queued: number
  /** The last part that it has taken, and the bytes of all so far. */
  seq: number
  taken: number
  /** Whether nothing more will come. */
  isOver: boolean
}

/** Called whenever something has come or was taken, and at the end. */
export type Pace = (progress: Progress) => void

/** Parts that are taken before the server is told, however small they are: it counts them, too. */
const ACKNOWLEDGED_PARTS = 128

/** For servers that wait for acknowledgements. One is under way at a time, so that they are no more than it can answer. */
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
 * For all others: the connection is held back, as far as that does no harm. A body is behind with a quarter of its share of what may
 * wait, and has caught up with half of that.
 */
export function holding(caller: Caller, { httpQueuedTotal }: ClientLimits, bodies: () => number): Pace {
  const holder = {}
  let isBehind = false
  let takenBefore = 0
  return ({ queued, taken, isOver }) => {
    const share = httpQueuedTotal / Math.max(1, bodies())
    const wasBehind = isBehind
    isBehind = !isOver && queued > (wasBehind ? share / 8 : share / 4)
    // What comes all the same is no sign that somebody reads.
    if (isBehind ? !wasBehind || taken > takenBefore : wasBehind) caller.holdInput(holder, isBehind)
    takenBefore = taken
  }
}

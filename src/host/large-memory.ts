/** Memory of large messages and files, which is used again while there is traffic. */
import { setImmediate } from 'node:timers'
import { freeKept, onKept, reuse } from '../core/base/bytes.ts'
import { onQuiet, tidyLater } from './memory-pressure.ts'

/** A buffer with any content, to be released by `release` of core. */
export const largeBuffer = (bytes: number): Buffer => Buffer.from(reuse(bytes, allocate), 0, bytes)

const allocate = (bytes: number): ArrayBuffer => Buffer.allocUnsafeSlow(bytes).buffer

/** One in a turn of the event loop: to free the largest takes 10 to 20 ms. */
function freeInTurns(): void {
  if (freeKept()) setImmediate(freeInTurns).unref()
}

onQuiet(freeInTurns)
onKept(tidyLater)

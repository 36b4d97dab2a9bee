/**
 * Triggers a minor garbage collection per number of message bytes. To the collector a message is a few small objects;
 * the megabytes of buffers behind them do not count before there are 64 of them, and until then the process only grows.
 */
import { setTimeout } from 'node:timers'
import { mallocTrim } from './ffi/libc.ts'
import { minorCollection } from './node-internals.ts'

/** Bytes between collections. A collection takes 1 to 2 ms, as long as this many bytes take to send. */
const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

let collect: (() => void) | undefined
let passed = 0

/** Counts bytes received or sent; may run a minor collection. */
export function noteBytes(bytes: number): void {
  passed += bytes
  if (passed < COLLECT_AFTER_BYTES) return
  passed = 0
  collect ??= minorCollection() ?? (() => {})
  collect()
  tidyLater()
}

/** Idle time before memory is trimmed, in ms; trimming takes some milliseconds. */
const QUIET_MS = 500

let tidying: NodeJS.Timeout | undefined

/** The C library keeps freed memory, some 15 MiB after a burst. Trims it once traffic is low. */
function tidyLater(): void {
  if (tidying !== undefined) return void tidying.refresh()
  tidying = setTimeout(() => {
    tidying = undefined
    mallocTrim()
  }, QUIET_MS)
  tidying.unref()
}

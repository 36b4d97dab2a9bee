/**
 * Triggers a minor garbage collection per number of message bytes. To the collector a message is a few small objects;
 * the megabytes of buffers behind them do not count before there are 64 of them, and until then the process only grows.
 */
import { setTimeout } from 'node:timers'
import v8 from 'node:v8'
import vm from 'node:vm'
import { mallocTrim } from './libc.ts'

/** Bytes between collections. A collection takes 1 to 2 ms, as long as this many bytes take to send. */
const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

type Collect = (options: { type: 'minor' }) => void

let collect: Collect | undefined
let passed = 0

/** Counts bytes received or sent; may run a minor collection. */
export function noteBytes(bytes: number): void {
  passed += bytes
  if (passed < COLLECT_AFTER_BYTES) return
  passed = 0
  collect ??= collector()
  collect({ type: 'minor' })
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

/** Contexts created while the flag is set have `gc`. Without it, the runtime collects on its own schedule. */
function collector(): Collect {
  try {
    v8.setFlagsFromString('--expose-gc')
    const found: unknown = vm.runInNewContext('gc')
    v8.setFlagsFromString('--no-expose-gc')
    return typeof found === 'function' ? (found as Collect) : () => {}
  } catch {
    return () => {}
  }
}

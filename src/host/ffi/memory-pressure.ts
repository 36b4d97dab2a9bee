/**
 * Young garbage is collected after so many bytes of messages. To the collector each message is a few small objects;
 * the megabytes behind them do not count until there are 64 of them, and until then the process only grows.
 */
import { setTimeout } from 'node:timers'
import v8 from 'node:v8'
import vm from 'node:vm'
import { mallocTrim } from './libc.ts'

/** A collection takes a millisecond or two: as long as so many bytes take to be sent. */
const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

type Collect = (options: { type: 'minor' }) => void

let collect: Collect | undefined
let passed = 0

/** Counts bytes that have come in or gone out. */
export function noteBytes(bytes: number): void {
  passed += bytes
  if (passed < COLLECT_AFTER_BYTES) return
  passed = 0
  collect ??= collector()
  collect({ type: 'minor' })
  tidyLater()
}

/** How long there must have been little traffic before memory is tidied up, which takes some milliseconds. */
const QUIET_MS = 500

let tidying: NodeJS.Timeout | undefined

/** What has been freed in pieces is kept by the C library: some 15 MiB after a flood. It is given back when that is over. */
function tidyLater(): void {
  if (tidying !== undefined) return void tidying.refresh()
  tidying = setTimeout(() => {
    tidying = undefined
    mallocTrim()
  }, QUIET_MS)
  tidying.unref()
}

/** Contexts made while the flag stands have the function. Where it is not to be had, the runtime collects when it likes. */
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

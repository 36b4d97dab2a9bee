/**
 * Reuses memory while there is traffic, and returns it afterwards.
 *
 * Triggers a minor garbage collection per number of message bytes. To the collector a message is a few small objects;
 * the megabytes of buffers behind them do not count before there are 64 of them, and until then the process only grows.
 */
import { setTimeout } from 'node:timers'
import { keepFreedMemory, mallocTrim } from './ffi/malloc.ts'
import { minorCollection } from './node-internals.ts'
import { COLLECT_AFTER_BYTES, FREED_MEMORY_BYTES, REUSED_BLOCK_BYTES, TRIM_AFTER_MS } from './limits.ts'

let collect: (() => void) | undefined
let passed = 0

/** Counts bytes received or sent; may run a minor collection. */
export function noteBytes(bytes: number): void {
  passed += bytes
  if (passed < COLLECT_AFTER_BYTES) return
  passed = 0
  collect ??= prepare()
  collect()
  tidyLater()
}

/** Before the first collection, as small servers may never come to it. */
function prepare(): () => void {
  keepFreedMemory(FREED_MEMORY_BYTES, REUSED_BLOCK_BYTES)
  return minorCollection() ?? (() => {})
}

const caches: (() => void)[] = []

/** Calls `call` once traffic is low after a burst, for memory that is only kept for bursts. */
export function onQuiet(call: () => void): void {
  caches.push(call)
}

let tidying: NodeJS.Timeout | undefined

/** Frees what is only kept for bursts once traffic is low, and what the C library keeps of it: some 15 MiB. */
export function tidyLater(): void {
  if (tidying !== undefined) return void tidying.refresh()
  tidying = setTimeout(() => {
    tidying = undefined
    for (const drop of caches) drop()
    mallocTrim()
  }, TRIM_AFTER_MS)
  tidying.unref()
}

/**
 * Reuses memory while there is traffic, and returns it afterwards.
 *
 * Triggers a minor garbage collection per number of message bytes. To the collector a message is a few small objects;
 * the megabytes of buffers behind them do not count before there are 64 of them, and until then the process only grows.
 */
import { clearInterval, setInterval, setTimeout } from 'node:timers'
import { getHeapStatistics } from 'node:v8'
import { once } from '../base/once.ts'
import { keepFreedMemory, mallocTrim } from './ffi/malloc.ts'
import { garbageCollector } from './node-internals.ts'
import type { Collector } from './node-internals.ts'
import {
  COLLECT_AFTER_BYTES,
  FREED_MEMORY_BYTES,
  REUSED_BLOCK_BYTES,
  SETTLE_AFTER_TICKS,
  SETTLE_TICK_MS,
  SETTLED_HEAP_BYTES,
  TRIM_AFTER_MS,
} from './limits.ts'

/** Bytes since memory was looked after, and since the last collection. */
let passed = 0
let uncollected = 0

/** Counts bytes sent from memory that is used again. */
export function noteTraffic(bytes: number): void {
  quietTicks = 0
  if (settling === undefined) settleLater()
  passed += bytes
  if (passed < COLLECT_AFTER_BYTES) return
  passed = 0
  keepMemory()
  tidyLater()
}

/** Counts bytes received or sent in memory of their own; may run a minor collection. */
export function noteBytes(bytes: number): void {
  noteTraffic(bytes)
  uncollected += bytes
  if (uncollected < COLLECT_AFTER_BYTES) return
  uncollected = 0
  collector().minor()
}

/** Only with traffic: small servers keep nothing. */
const keepMemory = once(() => keepFreedMemory(FREED_MEMORY_BYTES, REUSED_BLOCK_BYTES))

let found: Collector | undefined

const collector = (): Collector => (found ??= garbageCollector() ?? { minor: () => {}, all: () => {} })

let quietTicks = 0
let settling: NodeJS.Timeout | undefined

/**
 * Returns what start-up or traffic has let the heap grow by, once there are no messages. No client waits then, or hardly:
 * a heap that takes long is left to the runtime.
 */
export function settleLater(): void {
  settling ??= setInterval(() => {
    if (++quietTicks < SETTLE_AFTER_TICKS) return
    clearInterval(settling)
    settling = undefined
    if (getHeapStatistics().used_heap_size > SETTLED_HEAP_BYTES) return
    collector().all()
    mallocTrim()
  }, SETTLE_TICK_MS)
  settling.unref()
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

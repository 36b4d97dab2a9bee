/** Checks at start-up that the runtime has what a server uses of it without it being documented. */
import type { Server } from 'node:net'
import process from 'node:process'
import { checkLibc } from '../host/ffi/libc.ts'
import { checkHandle, checkCollector, checkReads, checkSetBlocking } from '../host/node-internals.ts'
import type { Internal } from '../host/node-internals.ts'
import type { Log } from './telemetry/log.ts'

/** What this runtime lacks. Without `listening`, a server that listens, what only connections need is not checked. */
export function missingInternals(listening?: Server): Internal[] {
  return [
    ...(listening === undefined ? [] : checkHandle(listening)),
    ...(process.stderr.isTTY ? checkSetBlocking(process.stderr) : []),
    ...checkCollector(),
    ...checkReads(),
    ...checkLibc(),
  ].filter(({ isPresent }) => !isPresent)
}

/** Warns of what is missing, and of what is lost with it. */
export function warnOfMissing(log: Log, missing: readonly Internal[]): void {
  for (const { name, lost } of missing) log.write('warn', 'internalMissing', { name, lost })
}

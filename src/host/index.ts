/** The machine that the server runs on, as the core's host. */
import { randomUUID } from 'node:crypto'
import process from 'node:process'
import type { Host } from '../core/host.ts'
import { environmentInfo } from './environment-info.ts'
import { files } from './files.ts'
import { killAllGroups } from './groups.ts'
import { spawnError } from './os-error.ts'
import { startPiped } from './pipe-process.ts'
import { startOnTerminal } from './terminal-process.ts'

export function createHost(report: (fault: unknown) => void): Host {
  // Read once: nothing in here changes it, and each look at it is a system call a variable.
  let environment: ReadonlyMap<string, string> | undefined
  return {
    spawn: async (spec, events) => {
      try {
        return await (spec.stdin === 'terminal' ? startOnTerminal(spec, events) : startPiped(spec, events))
      } catch (error) {
        throw spawnError(error)
      }
    },
    files,
    environmentInfo,
    environment: () => (environment ??= new Map(Object.entries(process.env) as [string, string][])),
    uuid: randomUUID,
    report,
  }
}

/** Ends whatever was started and still runs, whoever asked for it. */
export function killAllProcesses(): void {
  killAllGroups()
}

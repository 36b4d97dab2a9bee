/** What a server does when it is idle: runs a command, and exits. */
import { spawn } from 'node:child_process'
import type { Clock } from '../core/base/clock.ts'
import type { ExecServer } from '../core/rpc/server.ts'
import { isIdle, watchIdle } from './idle-watch.ts'
import type { Log } from './telemetry/log.ts'

/** When to exit, and what to run before. */
export type IdleOptions = {
  idleMs: number
  /** A shell command. */
  command: string | undefined
}

/** Watches the server, and calls `end` when it is idle. If a client comes while the command runs, it watches again. */
export function exitWhenIdle(
  { idleMs, command }: IdleOptions,
  server: ExecServer,
  { clock, log, end }: { clock: Clock; log: Log; end: () => void },
): void {
  const { totals } = server.observer
  const onIdle = async (): Promise<void> => {
    const { connections } = totals
    log.write('info', 'idle')
    if (command !== undefined) {
      const failure = await runCommand(command)
      if (failure !== undefined) log.write('warn', 'idleCommandFailed', { failure })
    }
    if (isIdle(server) && totals.connections === connections) end()
    else watch()
  }
  const watch = (): void => watchIdle({ server, clock, idleMs, onIdle: () => void onIdle() })
  watch()
}

/** Runs a shell command to its end, with what it prints on stderr. Returns how it failed; undefined if it did not. */
function runCommand(command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // Stdout is for the URL.
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['ignore', 2, 2] })
    child.on('error', ({ message }) => resolve(message))
    child.on('exit', (code, signal) => resolve(code === 0 ? undefined : `exit ${signal ?? code}`))
  })
}

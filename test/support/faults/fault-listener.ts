/**
 * The WebSocket transport on the real host, with limits and a clock that no command line option can set. Run as a
 * program, it serves in its own process with the limits of its JSON argument, and prints its URL.
 */
import { writeSync } from 'node:fs'
import process from 'node:process'
import type { Clock } from '../../../src/core/base/clock.ts'
import { defaultServeLimits } from '../../../src/cli/serve/limits.ts'
import { createExecServer } from '../../../src/core/rpc/server.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { createHost } from '../../../src/host/index.ts'
import { allowAll } from '../../../src/server/auth/authenticator.ts'
import { anyHost } from '../../../src/server/http/host-check.ts'
import { openListener } from '../../../src/server/http/listener.ts'
import type { ServeLimits } from '../../../src/server/serve.ts'
import { serveWebSockets } from '../../../src/server/transports/websocket.ts'
import { isDeno } from '../server.ts'

/** A listening WebSocket transport. */
export type FaultListener = { url: string; close(): void }

function report(fault: unknown): void {
  process.stderr.write(`fault: ${fault instanceof Error ? fault.stack : String(fault)}\n`)
}

/** Listens on a free local port, with `given` instead of the default limits. */
export async function openFaultListener(
  given: Partial<ServeLimits>,
  clock: Clock = systemClock,
): Promise<FaultListener> {
  const limits = { ...defaultServeLimits, ...given }
  const server = createExecServer({ host: createHost({ sandbox: { required: false }, limits, report }), clock, limits })
  const listener = await openListener('127.0.0.1', 0)
  serveWebSockets(server, listener, { limits, authenticator: allowAll, checkHost: anyHost, metrics: () => '' })
  return {
    url: listener.url,
    close: () => {
      listener.close()
      server.shutdown()
    },
  }
}

/** The command that runs this file in its own process. */
export function listenerCommand(limits: Partial<ServeLimits>): string[] {
  return [process.execPath, ...(isDeno ? ['run', '-A'] : []), import.meta.filename, JSON.stringify(limits)]
}

if (process.argv[1] === import.meta.filename) {
  const { url, close } = await openFaultListener(JSON.parse(process.argv[2] ?? '{}') as Partial<ServeLimits>)
  writeSync(1, `${url}\n`)
  process.on('SIGTERM', () => {
    close()
    process.exit(0)
  })
}

/** Servers that are stopped after the test body, even if it fails: a leftover server would keep the runner alive. */
import * as assert from 'uvu/assert'
import process from 'node:process'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

type Body = (server: RunningServer & { port: number }) => Promise<void>

/** Runs `body` with a server; asserts that the server writes nothing to stderr and exits cleanly. */
export async function withServer(args: readonly string[], body: Body, env = process.env): Promise<void> {
  const server = await startServer(args, env)
  try {
    await body(Object.assign(server, { port: portOf(server) }))
    assert.is(await server.stop(), 0)
    assert.is(server.stderr(), '')
  } finally {
    server.child.kill('SIGKILL')
  }
}

/** 0 for a unix socket. */
function portOf({ url }: RunningServer): number {
  return url.startsWith('ws:') ? Number(new URL(url.replace('ws:', 'http:')).port) : 0
}

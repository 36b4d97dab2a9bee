/** Servers that end with the test's body, also when that fails: one left behind would keep the runner from its end. */
import * as assert from 'uvu/assert'
import process from 'node:process'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

type Body = (server: RunningServer & { port: number }) => Promise<void>

/** Gives `body` a server of these arguments, and expects that it has nothing to say and ends well. */
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

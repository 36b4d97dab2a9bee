/** Servers that are stopped after the test body, even if it fails: a leftover server would keep the runner alive. */
import * as assert from 'uvu/assert'
import process from 'node:process'
import { startServer } from './server.ts'
import type { RunningServer } from './server.ts'

type Body = (server: RunningServer & { port: number }) => Promise<void>

/** What a server has logged beside requests that it did not let in, which most tests about access cause. */
export const exceptRefusals = (log: string): string => log.replaceAll(/^.*"event":"connectionRefused".*\n/gm, '')

/** Runs `body` with a server; asserts that the server writes nothing else to stderr and exits cleanly. */
export async function withServer(args: readonly string[], body: Body, env = process.env): Promise<void> {
  const server = await startServer(args, env)
  try {
    await body(Object.assign(server, { port: portOf(server) }))
    assert.is(await server.stop(), 0)
    assert.is(exceptRefusals(server.stderr()), '')
  } finally {
    server.child.kill('SIGKILL')
  }
}

/** 0 for a unix socket. */
function portOf({ url }: RunningServer): number {
  return url.startsWith('ws:') ? Number(new URL(url.replace('ws:', 'http:')).port) : 0
}

/** A server and commands of a user that is not root. */
import { spawn } from 'node:child_process'
import { endChild, endWithTest } from '../../../support/child.ts'
import { firstLine } from '../../../support/first-line.ts'
import { serverCommand } from '../../../support/server.ts'
import type { RunningServer } from '../../../support/server.ts'

/** That of `nobody`. */
const uid = 65534
const command = ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--']

async function startServer(): Promise<RunningServer> {
  const [program = '', ...args] = [...command, ...serverCommand([]).flat()]
  const child = endWithTest(spawn(program, args, { cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] }))
  const url = await firstLine(child)
  return {
    url,
    child,
    stderr: () => '',
    stop: async () => {
      await endChild(child)
      return null
    },
  }
}

export const unprivileged = { uid, command, startServer }

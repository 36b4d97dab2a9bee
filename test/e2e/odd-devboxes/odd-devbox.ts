/** Starts the server on a devbox that lacks something: in a mount namespace that a script has changed first. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import * as assert from 'uvu/assert'
import { endWithTest } from '../../support/child.ts'
import { Client } from '../../support/client.ts'
import { firstLine } from '../../support/first-line.ts'
import { serverCommand } from '../../support/server.ts'
import { skip } from '../../support/suite.ts'
import { temporaryFolder } from '../../support/temporary.ts'

export const isExecutable = process.env['EXEC_SERVER_BINARY'] !== undefined && process.platform === 'linux'

/** As root, else in a user namespace. */
const unshare =
  process.platform === 'linux'
    ? [['-m'], ['-rm']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0)
    : undefined

export type OddDevbox = {
  child: ChildProcess
  client: Client
  /** Ends the server, which must have written nothing to stderr. */
  stop(): Promise<void>
}

export type OddOptions = { env?: NodeJS.ProcessEnv; cwd?: string; args?: readonly string[]; program?: string }

/** The command that runs `script` in a mount namespace of its own, and then the server. Skips the test without one. */
export function oddCommand(script: string, { args = [], program }: OddOptions = {}): [string, string[]] {
  if (unshare === undefined) skip('this machine makes no mount namespaces')
  const [command, rest] = serverCommand(args)
  const prepared = `set -e; ${script}\nexec "$0" "$@"`
  return ['unshare', [...unshare, '/bin/sh', '-c', prepared, program ?? command, ...rest]]
}

/** Runs `script` in a mount namespace of its own, then starts the server there and connects. */
export async function oddDevbox(script: string, options: OddOptions = {}): Promise<OddDevbox> {
  return connectTo(...oddCommand(script, options), options)
}

/** Starts a server by this command, and connects. */
export async function connectTo(
  command: string,
  args: readonly string[],
  { env = process.env, cwd = '/' }: OddOptions = {},
): Promise<OddDevbox> {
  const child = endWithTest(spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] }))
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const client = await Client.connect(await firstLine(child))
  return {
    child,
    client,
    stop: async () => {
      await client.close()
      child.kill('SIGTERM')
      // bubblewrap itself ends by the signal, and kills the server.
      assert.equal(await once(child, 'exit'), command === 'bwrap' ? [null, 'SIGTERM'] : [0, null])
      assert.is(stderr, '')
    },
  }
}

/** A script after which no user is known, root neither: other sources than the file may know it. */
export function forgetUsers(): string {
  const sources = join(temporaryFolder(), 'nsswitch.conf')
  writeFileSync(sources, 'passwd: files\n')
  const bind = `mount --bind ${sources} /etc/nsswitch.conf`
  return `mount --bind /dev/null /etc/passwd; [ ! -e /etc/nsswitch.conf ] || ${bind}`
}

export const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** A command on pipes, and one on a terminal. */
export async function checkCommands(client: Client): Promise<void> {
  for (const [tty, end] of [
    [false, '\n'],
    [true, '\r\n'],
  ] as const) {
    const script = ['/bin/sh', '-c', 'echo out; exit 3']
    assert.equal(await client.run(`tty ${tty}`, script, { tty, env: { PATH } }), { code: 3, output: `out${end}` })
  }
}

/** A sandbox in which these folders can be read and written, the system's read, and no others. */
export const only = (...folders: string[]): object => ({
  permissions: {
    type: 'managed',
    file_system: {
      type: 'restricted',
      entries: [
        { path: { type: 'special', value: { kind: 'minimal' } }, access: 'read' },
        ...folders.map((path) => ({ path: { type: 'path', path: `file://${path}` }, access: 'write' })),
      ],
    },
    network: 'restricted',
  },
  cwd: `file://${folders[0]}`,
  workspaceRoots: folders.map((path) => `file://${path}`),
})

export const canSandbox = process.platform === 'linux' && spawnSync(...serverCommand(['doctor'])).status === 0

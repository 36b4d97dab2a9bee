/** Commands and file calls in a sandbox that may write in one folder only. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { whole } from '../stream-check.ts'
import { anew, expectBytes, expectEnd, expectRefusal, shell, start, uri } from '../work.ts'
import type { Task } from '../work.ts'

const BWRAP = ['--ro-bind', '/', '/', '--unshare-user', '--unshare-pid', '--unshare-net', '--proc', '/proc', 'true']

/** Whether bubblewrap works here. */
export const canConfine = (): boolean => process.platform === 'linux' && spawnSync('bwrap', BWRAP).status === 0

function sandboxFor(folder: string): object {
  mkdirSync(folder, { recursive: true })
  const special = (kind: string, access: string) => ({ path: { type: 'special', value: { kind } }, access })
  const entries = [special('root', 'read'), special('project_roots', 'write')]
  const permissions = { type: 'managed', file_system: { type: 'restricted', entries }, network: 'restricted' }
  return { permissions, cwd: uri(folder), workspaceRoots: [uri(folder)], windowsSandboxLevel: 'disabled' }
}

const SCRIPT = 'echo inside > file; cat file; (echo outside > "$0") 2> /dev/null || echo refused; exit 5'

const command: Task = {
  name: 'command in a sandbox',
  weight: 4,
  run: (work) =>
    anew(work, async (folder) => {
      const cwd = join(folder, 'workspace')
      const outside = join(folder, 'outside')
      const tty = work.random.chance(0.3)
      const output = whole(Buffer.from(tty ? 'inside\r\nrefused\r\n' : 'inside\nrefused\n'))
      const options = { tty, cwd, sandbox: sandboxFor(cwd) }
      const followed = await start(work, shell(SCRIPT, outside), tty ? { pty: output } : { stdout: output }, options)
      await expectEnd(work, followed, 5)
      if (existsSync(outside)) work.ledger.fault('a sandboxed command has written outside')
    }),
}

const files: Task = {
  name: 'files in a sandbox',
  weight: 3,
  run: (work) =>
    anew(work, async (folder) => {
      const { session, random, data } = work
      const workspace = join(folder, 'workspace')
      const sandbox = sandboxFor(workspace)
      const bytes = data.noise.subarray(0, random.size(1, 256 * 1024))
      const path = uri(join(workspace, 'file'))
      await session.request('fs/writeFile', { path, dataBase64: bytes.toString('base64'), sandbox })
      const { dataBase64 } = await session.request('fs/readFile', { path, sandbox })
      expectBytes(work, 'a sandboxed file', Buffer.from(dataBase64, 'base64'), bytes)
      await session.request('fs/writeFile', { path: uri(join(folder, 'outside')), dataBase64: '', sandbox }).then(
        () => work.ledger.fault('a sandboxed write outside was not refused'),
        (error) => expectRefusal(work, 'a sandboxed write outside', error, -32603),
      )
    }),
}

export const sandboxTasks: readonly Task[] = [command, files]

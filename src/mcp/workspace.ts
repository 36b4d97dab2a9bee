/** What the tools work on: the devbox, the directory, the sandbox, and the runs. */
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecClient, FileOptions, Sandbox } from '../client/base/types.ts'
import { messageOf } from '../client/base/errors.ts'
import { PathLocks } from './path-locks.ts'
import { sandboxOf } from './policy.ts'
import type { Policy } from './policy.ts'
import { RunList } from './runs/run-list.ts'

export type Workspace = {
  client: ExecClient
  policy: Policy
  /** Of every command and file call from now on. */
  readonly sandbox: Sandbox | undefined
  /** Lets only these directories of the workspace be written, where the policy lets the workspace be written. */
  narrow(roots: readonly string[]): void
  /** The shell that runs commands. */
  shell: string
  runs: RunList
  /** Of the files that are being changed. */
  locks: PathLocks
  /** The absolute path of one that is relative to the workspace. */
  resolve(path: string): string
  /** Options of file calls: they are confined, too. */
  files(signal: AbortSignal): FileOptions
}

export type WorkspaceOptions = Omit<Policy, 'workspace'> & { directory: string | undefined }

/**
 * Opens the directory on the devbox. `locks` are those of all workspaces there.
 * @throws {Error} if it is no directory, or if none is given and the server does not say, or is in `/`
 */
export async function openWorkspace(
  client: ExecClient,
  { directory, mode, hasNetwork }: WorkspaceOptions,
  locks = new PathLocks(),
): Promise<Workspace> {
  const { environmentInfo } = client
  const given = directory ?? (environmentInfo === undefined ? undefined : fileURLToPath(environmentInfo.cwd))
  if (given === undefined) throw new Error('this server does not say where it is: name the directory with --workspace')
  if (given === '/' && directory === undefined && mode === 'workspace-write')
    throw new Error('the server was started in /: name the directory that may be written with --workspace')
  const workspace = await realDirectory(client, given)
  const policy = { mode, hasNetwork, workspace }
  let sandbox = sandboxOf(policy)
  return {
    client,
    policy,
    get sandbox() {
      return sandbox
    },
    narrow: (roots) => (sandbox = sandboxOf(policy, roots)),
    shell: environmentInfo?.shell.path ?? '/bin/sh',
    runs: new RunList(),
    locks,
    resolve: (path) => posix.resolve(workspace, path),
    files: (signal) => ({ signal, sandbox }),
  }
}

async function realDirectory(client: ExecClient, given: string): Promise<string> {
  let isDirectory: boolean
  let path: string
  try {
    path = await client.fs.canonicalize(given)
    isDirectory = (await client.fs.getMetadata(path)).isDirectory
  } catch (error) {
    throw new Error(`the workspace ${given}: ${messageOf(error)}`)
  }
  if (!isDirectory) throw new Error(`the workspace ${given} is no directory`)
  return path
}
